"""Judgments of results for learning to rank: what people said, and apart from it what their clicks suggest.

Grades go from 0 to 3. By marks: 3 times the share of good ones, rounded, each person's latest mark of a result of that
query counting once. By clicks: whether a result was opened more often than results at the same ranks were; one that was
shown less than `MIN_SHOWN` times suggests nothing.
"""

from datetime import date
from typing import Any, LiteralString

import psycopg

PAGE_ROWS = 5_000
MIN_SHOWN = 5

_BY_MARKS: LiteralString = """
SELECT query, artifact_id, round(3.0 * count(*) FILTER (WHERE kind = 'mark_good') / count(*))::integer AS grade
FROM (
    SELECT DISTINCT ON (user_id, query, artifact_id) query, mark.artifact_id, mark.kind
    FROM event_opening JOIN counted_interaction AS mark USING (user_id, event_id)
    WHERE event_opening.day BETWEEN %(since)s AND %(until)s AND query >= %(query)s
      AND mark.kind IN ('mark_good', 'mark_bad', 'unmark')
    ORDER BY user_id, query, artifact_id, least(mark.timestamp, mark.received_at) DESC, mark.id DESC
) AS latest
WHERE kind <> 'unmark'
GROUP BY query, artifact_id
"""
_BY_CLICKS: LiteralString = """
WITH listed AS MATERIALIZED (
    SELECT query, artifact_id, position, peeled::integer AS peeled FROM impression
    WHERE day BETWEEN %(since)s AND %(until)s
), usual AS MATERIALIZED (
    SELECT position, avg(peeled) AS click_through FROM listed GROUP BY position
)
SELECT query, artifact_id,
       CASE WHEN sum(peeled) = 0 THEN 0
            WHEN sum(peeled) < sum(click_through) THEN 1
            WHEN sum(peeled) < 2 * sum(click_through) THEN 2
            ELSE 3 END AS grade
FROM listed JOIN usual USING (position)
WHERE query >= %(query)s
GROUP BY query, artifact_id
HAVING count(*) >= %(min_shown)s
"""


def _page(graded: LiteralString) -> LiteralString:
    return f"""
    SELECT query, artifact_id, grade FROM ({graded}) AS graded
    WHERE (query, artifact_id) > (%(query)s, %(artifact_id)s)
    ORDER BY query, artifact_id LIMIT %(max_rows)s
    """  # noqa: S608  constants


_PAGES: dict[str, LiteralString] = {"marks": _page(_BY_MARKS), "clicks": _page(_BY_CLICKS)}


def list_after(
    connection: psycopg.Connection,
    basis: str,
    *,
    since: date,
    until: date,
    cursor: tuple[str, str],
    max_rows: int = PAGE_ROWS,
) -> list[tuple[str, str, int]]:
    """Return the next (query, artifact, grade) after that query and artifact, from recalls of these days.

    `basis` is "marks" or "clicks".
    """
    values: dict[str, Any] = {"since": since, "until": until, "max_rows": max_rows, "min_shown": MIN_SHOWN}
    values |= {"query": cursor[0], "artifact_id": cursor[1]}
    return connection.execute(_PAGES[basis], values).fetchall()

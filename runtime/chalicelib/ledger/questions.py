"""The questions of `stats` in SQL; docs/questions.md names the views."""

from typing import LiteralString

# Asked once for each day, so that a busy month takes many short statements and no long one.
OF_A_DAY: dict[str, LiteralString] = {
    "interactions_by_day": """
        SELECT day::text, kind, interactions, users FROM interactions_by_day WHERE day = %(day)s ORDER BY kind
    """,
    "active_users_by_day": "SELECT day::text, users, interactions FROM active_users_by_day WHERE day = %(day)s",
    "events_by_day": """
        SELECT day::text, kind, events, good_outcome, no_good_outcome, peeled, median_seconds_to_first_peel,
               mean_reciprocal_rank
        FROM events_by_day WHERE day = %(day)s ORDER BY kind
    """,
    "sessions_by_day": """
        SELECT day::text, sessions, users, median_seconds, mean_interactions FROM sessions_by_day WHERE day = %(day)s
    """,
    "funnel": """
        SELECT step AS recalls, coalesce(reached[place], 0) AS number
        FROM (VALUES (1, 'all'), (2, 'and peeled'), (3, 'and kept'), (4, 'and marked good')) AS step (place, step)
        LEFT JOIN (SELECT ARRAY[recalls, peeled, kept, marked_good] AS reached FROM funnel_by_day WHERE day = %(day)s)
                  AS funnel ON true
        ORDER BY place
    """,
    "time_to_first_peel": """
        WITH bound (place, label) AS (
            VALUES (1, 'under 2 s'), (2, '2 to 10 s'), (3, '10 to 60 s'), (4, '1 to 10 min'), (5, '10 to 60 min'),
                   (6, 'over 1 h'), (7, 'never peeled'), (8, 'before its recall: clocks differ')
        ), placed AS (
            SELECT CASE first_peel WHEN 'never' THEN 7
                                   WHEN 'before it opened' THEN 8
                                   ELSE width_bucket(extract(epoch FROM time_to_first_peel)::float8,
                                                     '{0,2,10,60,600,3600}')
                   END AS place
            FROM opened_event WHERE day = %(day)s AND kind = 'recall'
        )
        SELECT label AS time, count(placed) AS recalls
        FROM bound LEFT JOIN placed USING (place) GROUP BY place, label ORDER BY place
    """,
    "first_peeled_rank": """
        WITH bound (place, label) AS (
            VALUES (1, '1'), (2, '2'), (3, '3'), (4, '4 to 10'), (5, 'over 10'), (6, 'no result peeled'),
                   (7, 'results unknown')
        ), placed AS (
            SELECT CASE WHEN reciprocal_rank IS NULL THEN 7
                        WHEN first_rank IS NULL THEN 6
                        ELSE width_bucket(first_rank, '{1,2,3,4,11}')
                   END AS place
            FROM opened_event WHERE day = %(day)s AND kind = 'recall'
        )
        SELECT label AS rank, count(placed) AS recalls
        FROM bound LEFT JOIN placed USING (place) GROUP BY place, label ORDER BY place
    """,
    "results_by_rank": """
        WITH bound (place, label) AS (
            SELECT n, n::text FROM generate_series(1, 10) AS n UNION ALL VALUES (11, '11 to 200'), (12, 'not listed')
        )
        SELECT label AS rank, coalesce(sum(shown), 0)::bigint AS shown, coalesce(sum(peeled), 0)::bigint AS peeled,
               coalesce(sum(kept), 0)::bigint AS kept, coalesce(sum(good), 0)::bigint AS good,
               coalesce(sum(bad), 0)::bigint AS bad
        FROM bound
        LEFT JOIN (SELECT *, CASE WHEN listed THEN least(position, 11) ELSE 12 END AS place
                   FROM results_by_rank WHERE day = %(day)s) AS result USING (place)
        GROUP BY place, label ORDER BY place
    """,
}
# Of a day that is over, kept as arrays to be added up over days; shown to nobody.
SUMS: dict[str, LiteralString] = {
    "query_outcomes": """
        SELECT query AS name, recalls AS n1, peeled AS n2, good_outcome AS n3, without_result AS n4
        FROM query_outcomes_by_day WHERE day = %(day)s
    """,
    "artifact_keeps": """
        SELECT artifact_id AS name, interactions AS n1, NULL::bigint AS n2, NULL::bigint AS n3, NULL::bigint AS n4
        FROM artifact_interactions_by_day WHERE day = %(day)s AND kind = 'keep'
    """,
    "artifact_bads": """
        SELECT artifact_id AS name, interactions AS n1, NULL::bigint AS n2, NULL::bigint AS n3, NULL::bigint AS n4
        FROM artifact_interactions_by_day WHERE day = %(day)s AND kind = 'mark_bad'
    """,
}
_KEPT: LiteralString = """
SELECT kept.* FROM day_answer JOIN day_sums ON answer_id = id
CROSS JOIN unnest(names, n1, n2, n3, n4) AS kept (name, n1, n2, n3, n4)
WHERE question = %(sums)s AND day BETWEEN %(since)s AND %(until)s
"""
# Over all days, of the sums of that name.
OF_SUMS: dict[str, tuple[str, LiteralString]] = {
    "queries_without_outcome": (
        "query_outcomes",
        """
        SELECT name AS query, sum(n1)::bigint AS recalls, sum(n2)::bigint AS peeled, sum(n4)::bigint AS without_result
        FROM ({sums}) AS outcome
        GROUP BY name HAVING sum(n3) = 0 ORDER BY recalls DESC, name LIMIT %(top)s
        """,
    ),
    "most_kept_artifacts": (
        "artifact_keeps",
        """
        SELECT name AS artifact_id, sum(n1)::bigint AS keeps FROM ({sums}) AS kept
        GROUP BY name ORDER BY keeps DESC, name LIMIT %(top)s
        """,
    ),
    "most_marked_bad_artifacts": (
        "artifact_bads",
        """
        SELECT name AS artifact_id, sum(n1)::bigint AS bad FROM ({sums}) AS marked
        GROUP BY name ORDER BY bad DESC, name LIMIT %(top)s
        """,
    ),
}
OF_ALL_DAYS: dict[str, LiteralString] = {
    "dated_ahead": """
        SELECT kind, sum(interactions)::bigint AS interactions FROM dated_ahead_by_day
        WHERE received_day BETWEEN %(since)s AND %(until)s GROUP BY kind ORDER BY kind
    """,
    "graph_outbox": """
        SELECT count(*) FILTER (WHERE next_attempt_at < 'infinity') AS waiting,
               count(*) FILTER (WHERE next_attempt_at = 'infinity') AS parked
        FROM graph_outbox
    """,
}


def of_sums(question: str, uncounted: int) -> LiteralString:
    """Return the question on the kept sums, and on so many days that have none: %(day_0)s and so on.

    Each such day is a query of its own: joined to a list of days, a view would be counted over the whole ledger.
    """
    name, sql = OF_SUMS[question]
    days = [SUMS[name].replace("%(day)s", f"%(day_{number})s") for number in range(uncounted)]
    return sql.format(sums=" UNION ALL ".join([_KEPT, *days]))

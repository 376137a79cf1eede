"""GET /event: the answer without an event of one's own is one and the same."""

from datetime import datetime

import psycopg
import pytest

from chalicelib.api.event_status import EventReader, EventStatus, GraphPlace, event_status
from chalicelib.api.reply import PostResponse
from chalicelib.graph.client import Graph
from tests.fakes import FakeLedger
from tests.samples import ALICE, BOB, EVENT, NOW
from tests.unit.api.test_accept import request

ANOTHER = "00000000-0000-4000-8000-000000000000"


class OneEvent(EventReader):
    """Alice has one event; the ledger can be unavailable."""

    def __init__(self, *, error: psycopg.Error | None = None) -> None:
        super().__init__(open_ledger=FakeLedger, open_graph=lambda: Graph(lambda: pytest.fail("not asked")))
        self.error = error

    def read(self, user_id: str, event_id: str, now: datetime) -> EventStatus | None:
        if self.error:
            raise self.error
        if (user_id, event_id) != (ALICE, EVENT):
            return None
        place = GraphPlace(state="not_there")
        return EventStatus(event_id=event_id, time=now, interactions=[], more=False, graph=place)


@pytest.mark.parametrize("event_id", [EVENT, EVENT.upper()])
def test_users_read_their_own_event(event_id: str) -> None:
    reply = event_status(request(b""), event_id, reader=OneEvent(), now=NOW)
    assert reply.http_status == 200
    assert reply.body.model_dump(mode="json") == {
        "event_id": EVENT,
        "time": "2026-05-01T12:00:00Z",
        "interactions": [],
        "more": False,
        "graph": {"state": "not_there", "labels": [], "edges": {}},
    }


def test_an_event_of_another_user_an_unknown_one_and_no_id_at_all_look_the_same() -> None:
    asked = [(BOB, EVENT), (ALICE, ANOTHER), (BOB, ANOTHER), (ALICE, "x"), (ALICE, EVENT + "%00"), (ALICE, "")]
    replies = [event_status(request(b"", sub=user), id_, reader=OneEvent(), now=NOW) for user, id_ in asked]
    assert {reply.http_status for reply in replies} == {404}
    [answer] = {reply.body.model_dump_json() for reply in replies}
    assert PostResponse.model_validate_json(answer).status == "error"
    assert EVENT not in answer


@pytest.mark.parametrize("claims", [{"token_use": "access"}, {"aud": "another-client-of-the-pool"}])
def test_a_token_that_may_not_post_may_not_read(claims: dict[str, str]) -> None:
    reply = event_status(request(b"", **claims), EVENT, reader=OneEvent(), now=NOW)
    assert isinstance(reply.body, PostResponse)
    assert (reply.http_status, reply.body.status) == (401, "error")


def test_without_the_ledger_the_answer_is_retry() -> None:
    reply = event_status(request(b""), EVENT, reader=OneEvent(error=psycopg.OperationalError("x")), now=NOW)
    assert isinstance(reply.body, PostResponse)
    assert (reply.http_status, reply.body.status) == (503, "retry")
    assert int(reply.headers["Retry-After"]) > 0

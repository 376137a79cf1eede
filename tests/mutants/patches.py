"""Patches that each break a promise across modules, and the test that notices."""

from typing import NamedTuple

RUNTIME = "runtime/chalicelib"


class Patch(NamedTuple):
    """One text of a file in place of another one."""

    name: str
    file: str
    old: str
    new: str
    caught_by: str
    """A test, as pytest names it, that passes without the patch and fails with it."""


PATCHES = [
    Patch(
        "outbox insert removed",
        f"{RUNTIME}/ledger/ledger.py",
        "SELECT id, bytes, user_partition(user_id) FROM stored",
        "SELECT id, bytes, user_partition(user_id) FROM stored WHERE false",
        "tests/integration/test_projection.py::test_a_drain_killed_between_the_two_commits_is_repeated",
    ),
    Patch(
        "CREATE for MERGE",
        f"{RUNTIME}/graph/cypher.py",
        "MERGE (u)-[:INITIATED]->(e)",
        "CREATE (u)-[:INITIATED]->(e)",
        "tests/integration/test_projection.py::test_a_drain_killed_between_the_two_commits_is_repeated",
    ),
    Patch(
        "user left out of an id",
        f"{RUNTIME}/interaction.py",
        "_encode([user_id, kind, event_id, artifact_id, timestamp, metadata])",
        "_encode([kind, event_id, artifact_id, timestamp, metadata])",
        "tests/unit/test_interaction.py",
    ),
    Patch(
        "exception swallowed in the worker",
        f"{RUNTIME}/worker.py",
        "            if _is_outage(error):\n                raise\n",
        "            if _is_outage(error):\n                return\n",
        "tests/unit/test_worker.py",
    ),
    Patch(
        "batchItemFailures always empty",
        f"{RUNTIME}/worker.py",
        "for message_id in failed]}",
        "for message_id in ()]}",
        "tests/unit/test_worker.py",
    ),
    Patch(
        "erasure ignored by the store",
        f"{RUNTIME}/ledger/ledger.py",
        "WHERE e.user_id = i.user_id\n",
        "WHERE e.user_id = i.user_id AND false\n",
        "tests/integration/test_erasure.py",
    ),
    Patch(
        "erasure without its barrier",
        f"{RUNTIME}/ledger/locks.py",
        "    with connection.transaction():\n        hold(connection, lock, user_id)\n",
        "    del connection, lock, user_id\n",
        "tests/integration/test_erasure.py",
    ),
    Patch(
        "a rebuild that skips a row",
        f"{RUNTIME}/ledger/pages.py",
        '_AFTER_KEY: LiteralString = "id > %(start)s AND id <= %(last)s',
        '_AFTER_KEY: LiteralString = "id > %(start)s AND id < %(last)s',
        "tests/integration/test_rebuild.py::test_a_row_whose_key_ends_a_page_or_the_ledger_is_not_skipped",
    ),
    Patch(
        "CORS missing from an error",
        "stacks/service/gateway_responses.py",
        '        "Access-Control-Allow-Origin": cors_origin,\n',
        "",
        "tests/infra/test_api.py",
    ),
    Patch(
        "CORS missing from an answer",
        f"{RUNTIME}/api/http.py",
        '        "Access-Control-Allow-Origin": config.setting("CORS_ORIGIN"),\n',
        "",
        "tests/unit/test_app.py",
    ),
    Patch(
        "deadline removed",
        f"{RUNTIME}/projection/projector.py",
        "        return within(seconds, lambda: _drain_for(MORE_CLAIMS_SECONDS, ledger, graph))\n",
        "        return _drain_for(MORE_CLAIMS_SECONDS, ledger, graph)\n",
        "tests/integration/test_failures.py::test_a_graph_that_answers_slowly_is_given_up_at_the_deadline",
    ),
    Patch(
        "latest instead of earliest",
        f"{RUNTIME}/graph/cypher.py",
        "OR datetime.fromEpoch(o.seconds, o.nanoseconds) < e.timestamp",
        "OR datetime.fromEpoch(o.seconds, o.nanoseconds) > e.timestamp",
        "tests/integration/test_projection.py",
    ),
    Patch(
        "poison retried for ever",
        f"{RUNTIME}/batch.py",
        "            result.poison.append(Poison(message, message.body, str(poison)))\n",
        "            del poison\n            result.failed.append(message)\n",
        "tests/unit/test_worker.py",
    ),
    Patch(
        "token_use unchecked",
        f"{RUNTIME}/api/token.py",
        'claims.get("token_use") != "id"',
        'claims.get("token_use") is None',
        "tests/unit/api/test_token.py",
    ),
    Patch(
        "another client's token taken",
        f"{RUNTIME}/api/token.py",
        'claims.get("aud") not in client_ids',
        'claims.get("aud") is None',
        "tests/unit/api/test_token.py",
    ),
    Patch(
        "partition lease not exclusive",
        f"{RUNTIME}/ledger/outbox.py",
        "pg_try_advisory_xact_lock(",
        "pg_try_advisory_xact_lock_shared(",
        "tests/integration/test_ledger.py::test_two_claims_at_once_share_no_user",
    ),
    Patch(
        "watermark written before the outbox is empty",
        f"{RUNTIME}/projection/catch_up.py",
        "    checked = _check(ledger, graph)\n",
        "    checked = _check(ledger, graph)\n"
        "    if checked and watermark.advance(ledger, graph, checked):\n        checked = None\n",
        "tests/integration/test_rebuild.py::test_a_graph_set_back_to_a_moment_amid_a_catch_up_is_noticed",
    ),
    Patch(
        "redrive deletes before it sends",
        "scripts/dlq/queue.py",
        "return self.delete(self.send(messages))",
        "return self.send(self.delete(messages))",
        "tests/unit/scripts/dlq/test_queue.py",
    ),
    Patch(
        "a wipe that no longer owns the graph goes on",
        f"{RUNTIME}/graph/deletions.py",
        "WHERE marks > 0 AND times = 0",
        "WHERE marks > 0",
        "tests/integration/test_pauses.py::test_a_wipe_that_was_paused_deletes_nothing_of_the_graph_that_another_one_built",
    ),
    Patch(
        "erasure begins no epoch",
        f"{RUNTIME}/operations/erasure.py",
        "        watermark.begin_epoch(self._ledger, self._graph)\n",
        "        assert watermark\n",
        "tests/integration/test_pauses.py::test_a_drain_that_was_paused_during_an_erasure_does_not_bring_the_user_back",
    ),
    Patch(
        "lease not confirmed in a new epoch",
        f"{RUNTIME}/graph/client.py",
        "                confirm_lease()\n",
        "",
        "tests/integration/test_pauses.py::test_a_drain_that_was_paused_during_an_erasure_does_not_bring_the_user_back",
    ),
    Patch(
        "first watermark without a lock",
        f"{RUNTIME}/projection/watermark.py",
        "        locks.hold(connection, locks.WRITERS)\n",
        "        assert locks\n",
        "tests/integration/test_pauses.py::test_nothing_is_stored_while_the_first_watermark_is_written",
    ),
    Patch(
        "watermark moved without a look",
        f"{RUNTIME}/graph/watermark.py",
        "WITH w WHERE w.version = $version AND w.reached_at = $expected\n",
        "WITH w WHERE w.version = $version\n",
        "tests/integration/test_rebuild.py",
    ),
    Patch(
        "metadata in a log",
        f"{RUNTIME}/worker.py",
        'log.error("the ledger refused", interaction_id=part.interaction.id,',
        'log.error("the ledger refused", interaction=part.interaction.model_dump(mode="json"),',
        "tests/unit/test_worker.py",
    ),
]

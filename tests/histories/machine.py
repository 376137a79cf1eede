"""The state machine: what users, operators and misfortune do, in any order."""

import json
import random
import signal
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.histories import oracle
from tests.histories.actor import Command, Fault
from tests.histories.dead_letters import DeadLetters
from tests.histories.oracle import Content, Posted
from tests.histories.pool import Outcome, Pool, Process

GROUPS = 25
"""Histories that run side by side in one run of the machine, each of three users. What harms a store harms all."""
NAMES = ("alice", "bob", "carol")
EVENTS = tuple(str(uuid.uuid5(uuid.NAMESPACE_URL, f"event {number}")) for number in range(3))
ARTIFACTS = ("recipe", "map", "é𝄞")
KINDS = ("recall", "workspace", "peel", "keep", "mark_good", "mark_bad", "unkeep", "unmark")
METADATA: tuple[Any, ...] = (
    None,
    {},
    {"n": 1},
    {"n": 1.0},
    {"query": "tea"},
    {"query": "tea", "n": 1, "position": 2.0},
    {"query": "x" * 1025, "position": 10_001},
    {"position": 3, "long": "x" * 5000},
)
HOUR = 3_600_000_000  # microseconds
# Two moments of the past, one with a neighbour; and one to come, which an erasure leaves.
MOMENTS = (-2 * HOUR, -HOUR, -HOUR + 1, HOUR)
POISON = ("not_json", "refused", "data_error", "refused_part")
ACTORS = 4
SHOWN_RUNS = 25
# What an operation may end with when a process or a connection is cut; anything else is an error of the product.
EXPECTED_ERRORS = (
    "OperationalError",  # of psycopg, as are the next four
    "AdminShutdown",
    "LockNotAvailable",
    "IdleInTransactionSessionTimeout",
    "ConnectionTimeout",
    "GraphUnavailableError",
    "RowsBusyError",
    "UndecidedError",
    "MigrationError",
    "LockTimeout",
)

actors = st.integers(0, ACTORS - 1)
faults = st.one_of(
    st.none(),
    *[
        st.builds(Fault, moments, st.sampled_from([signal.SIGSTOP, signal.SIGKILL]), st.booleans())
        for moments in (st.integers(1, 20), st.integers(1, 100))
    ],
)
work = {"actor": actors, "fault": faults, "wait": st.booleans()}
STEPS: dict[str, tuple[int, dict[str, st.SearchStrategy[Any]]]] = {
    "deliver": (
        6,
        {
            **work,
            "size": st.integers(1, 3),
            "seed": st.integers(0, 2**32),
            "poison": st.sampled_from([None, None, *POISON]),
            "again": st.integers(0, 12),
        },
    ),
    "catch_up": (4, work),
    "rebuild": (3, {**work, "what": st.sampled_from(["all", "since", "from scratch"])}),
    "verify": (3, {**work, "repair": st.booleans()}),
    "erase": (3, {**work, "user": st.builds("{}-{}".format, st.sampled_from(NAMES), st.integers(0, GROUPS - 1))}),
    "migrate_twice": (1, {"rare": st.integers(0, 3).map(lambda dice: not dice), "fault": faults}),
    "thaw": (2, {"actor": actors}),
    "interrupt": (3, {"actor": actors, "kill": st.booleans(), "after": st.integers(0, 20)}),
    "cut_postgres": (1, {}),
    "cut_graph": (1, {}),
    "freeze": (1, {"server": st.sampled_from(["postgres", "neo4j"]), "milliseconds": st.integers(1, 60)}),
    "empty_graph": (2, {}),
    "save_graph": (1, {}),
    "set_back_graph": (1, {}),
}
"""What may happen next: how often, and with which arguments."""
steps = st.sampled_from([name for name, (weight, _) in STEPS.items() for _ in range(weight)]).flatmap(
    lambda name: st.tuples(st.just(name), st.fixed_dictionaries(STEPS[name][1]))
)


def now() -> int:
    """Return microseconds since 1970."""
    return (datetime.now(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


class History(RuleBasedStateMachine):
    """One history on stores that are empty at its beginning."""

    pool: ClassVar[Pool]
    dead_letters: ClassVar[DeadLetters]
    counts: ClassVar[dict[str, int]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.stores = self.pool.stores
        self.began = now()
        self.bodies: list[str] = []
        self.posted: dict[str, list[Posted]] = {}
        """By body."""
        self.poison: dict[str, tuple[str, Posted | None]] = {}
        """Reasons, by a word that is in the body; and what was posted, if that tells whose it is."""
        self.acknowledged: set[str] = set()
        self.delivered: dict[str, str] = {}
        self.happened: list[str] = []
        self.damaged = False
        """Whether the graph was harmed, or an erasure cut off: a verification may then rightly find differences."""
        self.stores.clean()

    @property
    def processes(self) -> list[Process]:
        return self.pool.processes

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    # One rule for all: Hypothesis would leave out whole rules of a run, and there is little to see where nobody posts.
    @rule(step=steps)
    def step(self, step: tuple[str, dict[str, Any]]) -> None:
        name, arguments = step
        self.happened.append(f"{name} {arguments}")
        with self._told():
            getattr(self, name)(**arguments)

    # What users do.

    @initialize(started=st.booleans())
    def start(self, *, started: bool) -> None:
        """Most systems were deployed before they were used."""
        if started:
            self._do(0, Command("catch_up", {}))

    def deliver(
        self, *, actor: int, size: int, seed: int, poison: str | None, again: int, fault: Fault | None, wait: bool
    ) -> None:
        """Post some messages in each of the histories, and deliver them with some that were delivered before."""
        dice = random.Random(seed)  # noqa: S311  no secret
        old = dice.sample(self.bodies, min(again, len(self.bodies)))
        new = [self._post(dice, group, None) for group in range(GROUPS) for _ in range(dice.randint(1, size))]
        if poison:
            new.append(self._post(dice, dice.randrange(GROUPS), poison))
        batch = [*old, *new]
        dice.shuffle(batch)
        self._deliver(actor, batch, fault, wait=wait)

    def _deliver(self, actor: int, batch: Iterable[str], fault: Fault | None = None, *, wait: bool = True) -> None:
        records = []
        for body in batch:
            message_id = str(uuid.uuid4())
            self.delivered[message_id] = body
            records.append({"messageId": message_id, "body": body})
        self._do(actor, Command("deliver", {"records": records}, fault), wait=wait)

    def _post(self, dice: random.Random, group: int, poison: str | None) -> str:
        """Make a message of one user and remember it."""
        user = f"{dice.choice(NAMES)}-{group}"
        posted = [Posted(self._content(dice, user), now()) for _ in range(dice.randint(1, 3))]
        items = [_item(one) for one in posted]
        word = uuid.uuid4().hex
        if poison == "not_json":
            posted, body = [], f"{word} is no JSON"
        elif poison == "refused":
            posted, body = [], json.dumps({"version": 2, "interactions": [{"word": word}]})
        else:
            if poison == "data_error":
                items.append(items[0] | {"metadata": {"word": word, "nul": "\0"}})
            elif poison == "refused_part":
                items.append(items[0] | {"word": word})
            body = json.dumps({"version": 2, "interactions": items})
        if poison:
            self.poison[word] = poison.removesuffix("_part"), posted[0] if posted else None
            self.count("poison")
        self.bodies.append(body)
        self.posted[body] = posted
        return body

    def _content(self, dice: random.Random, user: str) -> Content:
        kind, artifact = dice.choice(KINDS), dice.choice(ARTIFACTS)
        return Content(
            user,
            kind,
            dice.choice(EVENTS),
            dice.choice([None, artifact]) if kind in oracle.LABELS else artifact,
            self.began + dice.choice(MOMENTS),
            oracle.canonical(dice.choice(METADATA)),
        )

    # What operators and the clock do.

    def catch_up(self, *, actor: int, fault: Fault | None, wait: bool) -> None:
        self._do(actor, Command("catch_up", {}, fault), wait=wait)

    def rebuild(self, *, actor: int, what: str, fault: Fault | None, wait: bool) -> None:
        since = datetime.fromtimestamp((self.began - HOUR) / 1e6, UTC).isoformat() if what == "since" else None
        arguments = {"from_scratch": what == "from scratch", "since": since}
        self._do(actor, Command("rebuild", arguments, fault), wait=wait)

    def verify(self, *, actor: int, repair: bool, fault: Fault | None, wait: bool) -> None:
        self._do(actor, Command("verify", {"repair": repair}, fault), wait=wait)

    def erase(self, *, actor: int, user: str, fault: Fault | None, wait: bool) -> None:
        if fault:
            self.damaged = True
        self._do(actor, Command("erase", {"user_id": user}, fault), wait=wait)

    def migrate_twice(self, *, rare: bool, fault: Fault | None) -> None:
        if rare:
            fault = fault and fault._replace(
                signal=signal.SIGKILL
            )  # who is stopped holds the others up until it is killed
            self._do(0, Command("migrate", {}, fault), wait=False)
            self._do(1, Command("migrate", {}))

    # What misfortune does.

    def thaw(self, actor: int) -> None:
        self.processes[actor].thaw()

    def interrupt(self, *, actor: int, kill: bool, after: int) -> None:
        """Kill or stop a process that works, at whatever moment."""
        process = self.processes[actor]
        if not process.running:
            return
        time.sleep(after / 1000)
        process.look(0)
        if not process.running:
            return
        if process.running.name == "erase":
            self.damaged = True
        self.count("killed" if kill else "stopped")
        if kill:
            process.kill()
        else:
            process.stop()

    def cut_postgres(self) -> None:
        self.count("Postgres' connections cut")
        self.stores.cut_postgres(list(range(ACTORS)))
        self._erasures_may_be_cut()

    def cut_graph(self) -> None:
        self.count("the graph's transactions cut")
        self.stores.cut_graph()
        self._erasures_may_be_cut()

    def freeze(self, server: str, milliseconds: int) -> None:
        self.count(f"{server} frozen")
        self.stores.freeze(server, milliseconds / 1000)

    def empty_graph(self) -> None:
        self.count("graph emptied")
        self.damaged = True
        self.stores.empty_graph()
        self._erasures_may_be_cut()

    def save_graph(self) -> None:
        self.stores.save_graph()

    def set_back_graph(self) -> None:
        self.damaged = True
        if self.stores.set_back_graph():
            self.count("graph set back")
        self._erasures_may_be_cut()

    # How it is judged.

    def teardown(self) -> None:
        """Bring it to its end, and compare all with the oracle."""
        self.count("runs")
        with self._told():
            self._end()
        if self.counts["runs"] % SHOWN_RUNS == 0:
            print(f"{self.counts['runs'] * GROUPS} histories: {self.counts}", flush=True)  # noqa: T201

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell what happened before an error: another attempt may not meet it."""
        try:
            yield
        except Exception as error:
            error.add_note("\n".join(self.happened))
            raise

    def _end(self) -> None:
        self.pool.wait_for_all()
        self._judge_outcomes()
        for user, (_, finished) in self.stores.erasures().items():
            if not finished:
                self._repeat(Command("erase", {"user_id": user}))
        self._all_acknowledged_are_kept()
        again = self.bodies.copy()
        random.Random(len(again)).shuffle(again)  # noqa: S311  no secret
        for start in range(0, len(again), 40):
            self._deliver(start // 40 % ACTORS, again[start : start + 40])
        self._judge_outcomes()
        self._settle()
        self._all_is_as_it_must_be()

    def _all_acknowledged_are_kept(self) -> None:
        erased = {user: moment for user, (moment, _) in self.stores.erasures().items()}
        kept = {row.content for row in self.stores.rows()}
        lost = oracle.stored((one for body in self.acknowledged for one in self.posted[body]), erased) - kept
        assert not lost, f"acknowledged, and lost: {lost}"

    def _settle(self) -> None:
        """Let catch-up come by until nothing is left to do."""
        for _ in range(8):
            self.stores.make_due()
            self._repeat(Command("catch_up", {}))
            if not self.stores.count("graph_outbox") and not self.stores.count("rebuild WHERE finished_at IS NULL"):
                break
        assert not self.stores.count("graph_outbox"), "the outbox does not drain"
        assert not self.stores.count("rebuild WHERE finished_at IS NULL"), "the rebuild does not end"

    def _all_is_as_it_must_be(self) -> None:
        erased = {user: moment for user, (moment, _) in self.stores.erasures().items()}
        expected = oracle.stored((one for of_body in self.posted.values() for one in of_body), erased)
        rows = self.stores.rows()
        assert sorted(map(str, (row.content for row in rows))) == sorted(map(str, expected)), "the ledger differs"
        received = {one for of_body in self.posted.values() for one in of_body}
        assert all(Posted(row.content, row.received_at) in received for row in rows), "a time of receipt is made up"
        nodes, edges = oracle.graph(rows)
        found_nodes, found_edges = self.stores.graph()
        assert found_nodes == nodes, f"nodes: missing {nodes - found_nodes}, extra {found_nodes - nodes}"
        assert found_edges == edges, f"edges: missing {edges - found_edges}, extra {found_edges - edges}"
        ledgers, graphs = self.stores.marks()
        assert [ledgers] == graphs, f"the watermarks differ: {ledgers}, {graphs}"
        if self.poison:
            # Of a user who was erased after it came, poison is dropped, or was dead-lettered before that.
            may_be = {word for word, (_, one) in self.poison.items() if one and _is_erased(one, erased)}
            self.dead_letters.must_be({word: reason for word, (reason, _) in self.poison.items()}, may_be)
        if self.counts["runs"] % 3:
            return  # it takes the longest of all
        report = self._repeat(Command("verify", {"repair": False})).value
        assert (report["missing"], report["extra"], report["different"], report["undecided"]) == (0, 0, 0, []), report

    def _repeat(self, command: Command) -> Outcome:
        """Do it without a fault, in a process that is not new."""
        self._do(0, command)
        _, outcome = self.processes[0].outcomes.pop()
        assert outcome.how == "done", f"{command.name}: {outcome.value}"
        return outcome

    def _do(self, actor: int, command: Command, *, wait: bool = True) -> None:
        process = self.processes[actor]
        process.thaw()
        while process.running:
            self.pool.wait(process)
            process.thaw()
        process.send(command)
        self.count(command.name)
        if command.fault:
            self.count("faults armed")
        if wait or command.fault:
            self.pool.wait(process)
        if process.stopped and command.fault and command.fault.cut:
            self.count("stopped and cut off")
            self.stores.cut_postgres([actor])

    def _erasures_may_be_cut(self) -> None:
        if any(process.running and process.running.name == "erase" for process in self.processes):
            self.damaged = True

    def _judge_outcomes(self) -> None:
        for process in self.processes:
            for command, outcome in process.outcomes:
                self._judge(command, outcome)
            process.outcomes.clear()

    def _judge(self, command: Command, outcome: Outcome) -> None:
        self.happened.append(f"{command.name} ended: {outcome.how} {str(outcome.value)[:300]}")
        if outcome.how == "failed":
            assert outcome.value.startswith(EXPECTED_ERRORS), f"{command.name} failed: {outcome.value}"
        elif outcome.how == "killed":
            self.count("ended by a kill")
        elif command.name == "deliver":
            failed = {one["itemIdentifier"] for one in outcome.value["batchItemFailures"]}
            ids = {one["messageId"] for one in command.arguments["records"]}
            assert failed <= ids
            self.acknowledged |= {self.delivered[id_] for id_ in ids - failed}
        elif command.name == "verify" and not self.damaged:
            report = outcome.value
            assert (report["missing"], report["extra"], report["different"]) == (0, 0, 0), f"a false alarm: {report}"


def _is_erased(posted: Posted, erased: Mapping[str, int]) -> bool:
    return posted.received_at <= erased.get(posted.content.user, -1)


def _item(posted: Posted) -> dict[str, Any]:
    content = posted.content
    return {
        "id": "00000000-0000-8000-8000-000000000000",  # the worker derives it
        "user_id": content.user,
        "event_id": content.event,
        "kind": content.kind,
        "artifact_id": content.artifact,
        "metadata": None if content.metadata is None else json.loads(content.metadata),
        "timestamp": content.timestamp,
        "received_at": posted.received_at,
        "signed_in_at": posted.received_at,
    }

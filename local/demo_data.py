"""`make demo-data`: made-up people post what they did to the local API, as clients do; with --size by COPY instead."""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time
from typing import Any

import click
import psycopg
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from local import demo_copy
from local.made_up import Person, people
from scripts.common.cli import command, run
from scripts.common.console import progress
from scripts.common.errors import OperationError, WrongUseError
from scripts.common.target import Target, read_local_environment
from scripts.create_user import ensure_user
from scripts.dlq.queue import batches
from scripts.get_bearer_token import sign_in
from scripts.rebuild_graph import rebuild_by_importer

PASSWORD = "Recall-and-peel-1"  # noqa: S105  of people who do not exist
MAX_BATCH = 100  # interactions in one request
ROWS_PER_PERSON = 100  # as of those who post
LANES = 4  # people who post at the same time
REQUEST_SECONDS = 30
RETRIED = Retry(total=5, backoff_factor=1, status_forcelist=[429, 500, 502, 503, 504], allowed_methods=None)


@command()
@click.option("--seed", type=int, default=1, show_default=True, help="Other seeds make other people.")
@click.option("--people", "count", type=click.IntRange(1, 100_000), help="How many; 200, or a hundredth of --size.")
@click.option("--days", type=click.IntRange(1, 366), default=60, show_default=True, help="Before --until.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Midnight UTC of this day; today, if not given.")
@click.option("--interactions", type=click.IntRange(1, 100_000), help="Together, posted to the API: 20000.")
@click.option("--size", type=click.IntRange(1, 10_000_000), help="Together, by COPY and past the API, as 1000000.")
def main(
    *, seed: int, count: int | None, days: int, until: datetime | None, interactions: int | None, size: int | None
) -> None:
    """Fill the local cloud with made-up people and what they did, through the API and the queue.

    Safe to repeat: on the same day the same options make the same interactions, and each is stored once. The people are
    person-001@example.com and so on; their password is Recall-and-peel-1. docs/questions.md shows answers for
    --until 2026-05-01.

    With --size they go past the API and the queue into the ledger, and Neo4j's importer makes the graph again. Then the
    balance of `stats` counts none of them, and these people have no account.
    """
    if size and interactions:
        raise WrongUseError("--interactions posts to the API, --size goes past it: choose one")
    environment = read_local_environment()
    target, url = Target.local(environment), f"{environment['API_URL']}/interactions"
    midnight = datetime.combine((until or datetime.now(UTC)).date(), time(), UTC)
    made: dict[str, Any] = {"until": midnight, "seed": seed, "days": days}
    if size:
        made |= {"count": count or max(1, size // ROWS_PER_PERSON), "interactions": size}
        _copy(target, environment["DATABASE_URL"], made)
        return
    everybody = list(people(**made, count=count or 200, interactions=interactions or 20_000))
    with progress() as bar, ThreadPoolExecutor(LANES) as pool:
        task = bar.add_task("posting", total=sum(len(person.payloads) for person in everybody))
        for posted in pool.map(lambda person: _post(target, url, person), everybody):
            bar.advance(task, posted)
    click.echo(
        f"{len(everybody)} people posted {bar.tasks[0].completed:.0f} interactions: stats -e local --days {days}"
    )


def _copy(target: Target, database_url: str, made: dict[str, Any]) -> None:
    with progress() as bar, psycopg.connect(database_url, autocommit=True) as owner:
        task = bar.add_task("copying into the ledger", total=made["interactions"])
        for copied in demo_copy.fill(owner, people(**made)):
            bar.advance(task, copied)
    click.echo(f"copied {bar.tasks[0].completed:.0f} interactions of {made['count']} people into the ledger")
    rebuild_by_importer(target)
    click.echo("they went past the API and the queue: the balance of `stats` counts none of them")


def _post(target: Target, url: str, person: Person) -> int:
    """Sign in and post all that the person did; return the number of interactions. Raises OperationError."""
    ensure_user(target, person.email, PASSWORD, change=False)
    headers = {"Authorization": f"Bearer {sign_in(target, person.email, PASSWORD)}"}
    with requests.Session() as session:
        session.trust_env = False  # loopback is never reached through a proxy
        session.mount("http://", HTTPAdapter(max_retries=RETRIED))
        for batch in batches(person.payloads, max_items=MAX_BATCH):
            body: dict[str, Any] = {"interactions": batch}
            response = session.post(url, json=body, headers=headers, timeout=REQUEST_SECONDS)
            if not response.ok or response.json()["status"] != "ok":
                raise OperationError(f"the API answered {response.status_code}: {response.text[:200]}")
    return len(person.payloads)


if __name__ == "__main__":
    sys.exit(run(main, sys.argv[1:]))

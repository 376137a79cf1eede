"""Wrong use of a command is one line, before any call: `nowhere` is not an environment."""

from dataclasses import replace

import click
import pytest
from click.testing import CliRunner

from scripts.create_user import create_user
from scripts.erase_user import erase_user
from scripts.get_bearer_token import get_bearer_token
from scripts.rebuild_graph import rebuild_graph
from scripts.redrive_dlq import redrive_dlq
from scripts.stats import stats
from scripts.verify_graph import verify_graph
from stacks.config.environments import ENVIRONMENTS
from stacks.config.options import ExternalGraph


@pytest.mark.parametrize(
    ("command", "words", "says"),
    [
        (create_user, [" "], "EMAIL is empty"),
        (create_user, ["a@example.com", "--password", "a", "--password-file", __file__], "choose one"),
        (create_user, ["a@example.com", "secret-1"], "they are not shown"),
        (create_user, ["a@example.com", "--password", ""], "the password is empty"),
        (create_user, ["a@example.com", "--password-file", "/dev/null"], "no password in the file"),
        (create_user, ["a@example.com", "--password-file", "/dev/zero"], "it is no password"),
        (get_bearer_token, ["a@example.com", ""], "the password is empty"),
        (get_bearer_token, ["a@example.com", "-secret-1"], "they are not shown"),
        (get_bearer_token, ["a@example.com", "a", "secret-1"], "they are not shown"),
        (get_bearer_token, ["a@example.com", "--password-file", "secret-1"], "they are not shown"),
        (erase_user, [], "give one of USER"),
        (erase_user, ["--list", "--yes"], "--yes has no effect"),
        (rebuild_graph, ["--from-scratch"], "--yes"),
        (rebuild_graph, ["--user", "x", "--since", "2026-01-01"], "--user"),
        (rebuild_graph, ["--offline"], "--offline goes with --from-scratch --yes"),
        (redrive_dlq, ["--redrive", "--discard", "--yes"], "choose one"),
        (redrive_dlq, ["--discard"], "either --yes"),
        (redrive_dlq, ["--discard", "--yes", "--dry-run"], "either --yes"),
        (redrive_dlq, ["--yes"], "--yes goes only with --discard"),
        (redrive_dlq, ["--redrive", "--file", "x"], "--file goes only with --discard"),
        (redrive_dlq, ["--rate", "5"], "--rate goes only with --redrive or --from-file"),
        (redrive_dlq, ["--dry-run"], "--dry-run goes only with --redrive or --discard or --from-file"),
        (redrive_dlq, ["--from-file", __file__, "--hold", "5"], "--hold goes only with --redrive or --discard"),
        (redrive_dlq, ["--discard", "--yes", "--file", "/dev/null/x"], "/dev/null/x"),
        (redrive_dlq, ["--discard", "--yes", "--file", "/dev/null"], "choose another name"),
        (redrive_dlq, ["--limit", f"{2**64}"], "1000000000"),
        (redrive_dlq, ["--redrive", "--rate", "nan"], "nan is not a number of messages per second"),
        (redrive_dlq, ["--redrive", "--rate", "inf"], "inf is not a number of messages per second"),
        (redrive_dlq, ["--redrive", "--rate", "0"], "0.1"),
        (redrive_dlq, ["--reason", "weather"], "'weather' is not one of"),
        (redrive_dlq, ["--since", "yesterday"], "give 90m"),
        (redrive_dlq, ["--since", "999999d"], "give 90m"),
        (stats, ["--only", "typo"], "no table typo: there are balance, queue, interactions_by_day, "),
        (stats, ["--html", "/dev/null/x"], "/dev/null/x cannot be written"),
        (stats, ["--json", "--csv"], "choose one"),
        (verify_graph, [], "no environment 'nowhere': there are local, dev, staging, prod"),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(command: click.Command, words: list[str], says: str) -> None:
    result = CliRunner().invoke(command, ["-e", "nowhere", *words])
    assert (result.exit_code, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert says in line
    assert "secret-1" not in line


def test_an_offline_rebuild_of_a_graph_that_others_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    aura = replace(ENVIRONMENTS["prod"], graph=ExternalGraph(secret="one"))  # noqa: S106  a name
    monkeypatch.setitem(ENVIRONMENTS, "prod", aura)
    result = CliRunner().invoke(rebuild_graph, ["-e", "prod", "--from-scratch", "--offline", "--yes"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: --offline needs a Neo4j that we run ourselves: for prod leave it out\n"

"""`preflight`: the table, the exit codes, and what it needs to read."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from scripts import preflight
from scripts.common import cli
from scripts.common.target import Target
from scripts.preconditions import account, checks
from scripts.preconditions.condition import Condition, Deploy, Result, green, red
from tests.stubbed import Stubbed

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"
UNKNOWN = Result("unknown", "AWS denied the call", "needs the right")
NO_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": None,
    "AWS_SECRET_ACCESS_KEY": None,
    "AWS_PROFILE": None,
    "AWS_ENDPOINT_URL": None,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


def answering(results: list[Result]) -> tuple[Condition, ...]:
    """Return conditions that answer so."""

    def answer(result: Result) -> Callable[[Deploy], Result]:
        return lambda _: result

    return tuple(Condition(f"condition {number}", (), answer(result)) for number, result in enumerate(results))


def run(monkeypatch: pytest.MonkeyPatch, signed_in_to: str, results: list[Result]) -> tuple[int, str]:
    target = Stubbed("dev", "us-east-1", endpoint=None)
    identity = {"Account": signed_in_to, "UserId": "AIDA", "Arn": "arn:aws:iam::1:user/alice"}
    target.expect("sts", "get_caller_identity", identity, {})

    def find(_: str) -> Target:
        return target

    monkeypatch.setattr(preflight, "find_target", find)
    monkeypatch.setattr(checks, "CONDITIONS", answering(results))
    result = CliRunner().invoke(preflight.preflight, ["-e", "dev"])
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("results", "exit_code"),
    [
        ([green("fine")], 0),
        ([green("fine"), red("missing", "make it"), UNKNOWN], 1),
        ([green("fine"), UNKNOWN], 3),
    ],
)
def test_a_line_for_each_condition_and_an_exit_code_for_scripts(
    monkeypatch: pytest.MonkeyPatch, results: list[Result], exit_code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        code, output = run(monkeypatch, "111111111111", results)
    assert code == exit_code
    for number, result in enumerate(results):
        [line] = [line for line in output.splitlines() if f"condition {number}" in line]
        assert all(word in line for word in (result.state, result.finding, result.remedy))


def test_of_another_account_nothing_else_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = run(monkeypatch, "999999999999", [green("never asked")])
    assert code == 1
    assert "signed in to 999999999999; dev is 111111111111" in output
    assert "never asked" not in output


def test_without_credentials_it_is_one_line_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in NO_CREDENTIALS.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    status = cli.run(preflight.preflight, ["-e", "dev"])
    captured = capsys.readouterr()
    assert (status, captured.out) == (2, "")
    [line] = captured.err.splitlines()
    assert "aws sso login" in line


def test_the_page_names_every_right_that_it_needs() -> None:
    [listed] = re.findall(r"`preflight` needs only these rights to read:\n((?: .*\n|\n)+)", OPERATIONS.read_text())
    named = set(re.findall(r"[a-z0-9]+:[A-Za-z]+", listed))
    assert named == {right for one in (account.caller, *checks.CONDITIONS) for right in one.rights}

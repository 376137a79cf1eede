"""A missing setting is an error, not an empty name."""

import pytest

from chalicelib.config import MissingSettingError, setting


def test_a_setting_is_its_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUE_URL", "https://sqs.example/queue")
    assert setting("QUEUE_URL") == "https://sqs.example/queue"


@pytest.mark.parametrize("value", [None, ""])
def test_an_absent_or_empty_setting_raises(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("QUEUE_URL", raising=False)
    if value is not None:
        monkeypatch.setenv("QUEUE_URL", value)
    with pytest.raises(MissingSettingError, match="QUEUE_URL"):
        setting("QUEUE_URL")

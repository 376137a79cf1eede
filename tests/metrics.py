"""Reads the metrics that the code under test published."""

import json
from typing import Any

import pytest


def metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was published since the last call, in CloudWatch's embedded metric format."""
    lines = capsys.readouterr().out.splitlines()
    return [dict(json.loads(line)) for line in lines if line.startswith('{"_aws"')]


def values(published: list[dict[str, Any]], name: str) -> list[float]:
    """Return the values of one metric, in order."""
    return [value for metric in published if name in metric for value in metric[name]]

"""From the last release to this source: nothing that holds data is replaced, and code may be rolled back."""

import json
from copy import deepcopy
from typing import Any

import pytest

from stacks.config.environment import Environment
from tests.infra.release import RELEASED, stateful
from tests.infra.template import Template


@pytest.fixture
def released(environment: Environment) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(RELEASED.read_text())[environment.name]
    return found


def lost(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> list[str]:
    """Name what an update from one to the other would take away or replace."""
    return [id_ for id_, resource in before.items() if after.get(id_) != resource]


def test_an_update_from_the_last_release_replaces_nothing_that_holds_data(
    data: Template, released: dict[str, dict[str, Any]]
) -> None:
    assert released
    assert lost(released, stateful(data)) == []


def test_a_replacement_would_be_noticed(data: Template, released: dict[str, dict[str, Any]]) -> None:
    renamed = deepcopy(data.body)
    queue, _ = data.one("AWS::SQS::Queue", starting="InteractionsSource")
    renamed["Resources"][queue]["Properties"]["QueueName"] = "interactions"  # only a new queue can take a name
    client, _ = data.one("AWS::Cognito::UserPoolClient")
    renamed["Resources"]["Another"] = renamed["Resources"].pop(client)
    assert set(lost(released, stateful(Template(renamed)))) == {queue, client}


def test_the_service_stack_holds_no_data(service: Template) -> None:
    assert stateful(service) == {}

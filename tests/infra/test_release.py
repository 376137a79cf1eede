"""An update from the last release to this source replaces nothing that holds data."""

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
    """Return the logical ids that an update would remove or replace."""
    return [id_ for id_, resource in before.items() if after.get(id_) != resource]


def test_an_update_from_the_last_release_replaces_no_data(data: Template, released: dict[str, dict[str, Any]]) -> None:
    assert released
    assert lost(released, stateful(data)) == []


def test_a_replacement_is_noticed(data: Template, released: dict[str, dict[str, Any]]) -> None:
    renamed = deepcopy(data.body)
    queue, _ = data.one("AWS::SQS::Queue", starting="InteractionsSource")
    renamed["Resources"][queue]["Properties"]["QueueName"] = "interactions"  # a name is only given to a new queue
    client, _ = data.one("AWS::Cognito::UserPoolClient")
    renamed["Resources"]["Another"] = renamed["Resources"].pop(client)
    assert set(lost(released, stateful(Template(renamed)))) == {queue, client}


def test_the_service_stack_holds_no_data(service: Template) -> None:
    assert stateful(service) == {}

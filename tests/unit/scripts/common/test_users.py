"""Users as the pool knows them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import pytest

from scripts.common.users import find_user, list_account_ids
from tests.stubbed import Stubbed

POOL, ID = "us-east-1_pool", "d3aac781-5229-4aa4-997e-6705b4971007"
ACCOUNT = {"Username": ID, "UserCreateDate": datetime(2026, 5, 1, tzinfo=UTC), "UserStatus": "CONFIRMED"}
SUB = {"Name": "sub", "Value": ID}


@dataclass(frozen=True)
class Dev(Stubbed):
    @cached_property
    def outputs(self) -> Mapping[str, str]:
        return {"UserPoolId": POOL}


@pytest.fixture
def dev() -> Iterator[Dev]:
    target = Dev("dev", "us-east-1", endpoint=None)
    yield target
    target.assert_asked()


def test_an_id_in_capitals_is_found(dev: Dev) -> None:
    request = {"UserPoolId": POOL, "Filter": f'sub = "{ID}"', "Limit": 1}
    dev.expect("cognito-idp", "list_users", {"Users": [{**ACCOUNT, "Attributes": [SUB]}]}, request)
    assert find_user(dev, ID.upper()).user_id == ID


def test_the_ids_of_all_pages_of_accounts_are_listed(dev: Dev) -> None:
    first, second = {"UserPoolId": POOL}, {"UserPoolId": POOL, "PaginationToken": "next"}
    dev.expect("cognito-idp", "list_users", {"Users": [{"Attributes": [SUB]}], "PaginationToken": "next"}, first)
    dev.expect("cognito-idp", "list_users", {"Users": [{"Attributes": [{**SUB, "Value": "b"}]}]}, second)
    assert list_account_ids(dev) == {ID, "b"}

"""`make demo-data` on the deployed system: made-up people sign in and post, and each interaction is stored once."""

from tests.e2e.conftest import System, assert_stored, post_made_up
from tests.waiting import within


def test_made_up_people_post_and_a_repeat_adds_nothing(system: System, made_up_users: list[str]) -> None:
    post_made_up(system)
    within(60, lambda: assert_stored(system, made_up_users))

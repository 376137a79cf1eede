"""Unit tests open no socket; they use fakes, which pass the contract tests of the real parts."""

import pytest
from pytest_socket import disable_socket

from tests.fakes import FakeLedger, FakeQueue


@pytest.fixture(autouse=True)
def _no_sockets() -> None:
    disable_socket()


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger()

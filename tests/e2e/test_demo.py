"""What `make up` ends with says where an interaction got stuck."""

import pytest
from rich.console import Console

from local.component import CloudError
from local.demo import demonstrate
from tests.e2e.conftest import System
from tests.waiting import within


def test_with_the_worker_off_the_demo_says_that_the_interactions_stopped_before_postgres(system: System) -> None:
    functions, mapping = system.target.client("lambda"), system.target.outputs["WorkerMapping"]

    def switch(*, on: bool) -> None:
        functions.update_event_source_mapping(UUID=mapping, Enabled=on)

        def look() -> None:
            assert functions.get_event_source_mapping(UUID=mapping)["State"] == ("Enabled" if on else "Disabled")

        within(10, look)

    switch(on=False)
    try:
        with pytest.raises(CloudError, match="stopped between the queue and Postgres: 0 of 2 rows"):
            demonstrate(system.target, system.environment, Console(), seconds=5)
    finally:
        switch(on=True)

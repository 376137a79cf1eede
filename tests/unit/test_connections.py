"""Where the ledger is and whom to trust there, as the stack tells it."""

from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from chalicelib import connections as stores

PLACE = {"host": "ledger.example", "port": "5432", "dbname": "interaction_tracker"}


@pytest.fixture
def rds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a function whose stack made the ledger."""
    monkeypatch.delenv("POSTGRES_SECRET", raising=False)
    keys = {"AWS_ACCESS_KEY_ID": "made", "AWS_SECRET_ACCESS_KEY": "up", "AWS_DEFAULT_REGION": "us-east-1"}
    place = {f"POSTGRES_{name.upper()}": value for name, value in PLACE.items()}
    for name, value in {**place, **keys, "POSTGRES_USER": "app", "POSTGRES_OWNER_SECRET": "owner"}.items():
        monkeypatch.setenv(name, value)


def verified(connection: str) -> dict[str, Any]:
    """Return what libpq is told, without the password, having seen that only RDS' own server is trusted."""
    told = dict(conninfo_to_dict(connection))
    assert told.pop("sslmode") == "verify-full"
    assert Path(str(told.pop("sslrootcert"))) == stores.RDS_AUTHORITIES
    assert told.pop("password")
    return told


@pytest.mark.usefixtures("rds")
def test_a_token_goes_to_no_server_but_the_one_that_rds_vouches_for() -> None:
    assert verified(stores.ledger_conninfo()) == {**PLACE, "user": "app"}


def test_the_authorities_are_the_regions_own_and_live_for_decades() -> None:
    text = stores.RDS_AUTHORITIES.read_text()
    assert text.count("-----BEGIN CERTIFICATE-----") == text.count("Root CA") > 50
    for region in ("us-east-1", "eu-central-1"):
        assert f"# Amazon RDS {region} Root CA RSA2048 G1, until 2061" in text
    assert min(line[-10:-6] for line in text.splitlines() if ", until " in line) > "2050"

"""The connection to RDS: where, as whom, and only with a verified certificate."""

from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from chalicelib import connections

PLACE = {"host": "ledger.example", "port": "5432", "dbname": "interaction_tracker"}


@pytest.fixture
def rds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables of a function whose stack includes RDS."""
    monkeypatch.delenv("POSTGRES_SECRET", raising=False)
    keys = {"AWS_ACCESS_KEY_ID": "made", "AWS_SECRET_ACCESS_KEY": "up", "AWS_DEFAULT_REGION": "us-east-1"}
    place = {f"POSTGRES_{name.upper()}": value for name, value in PLACE.items()}
    for name, value in {**place, **keys, "POSTGRES_USER": "app", "POSTGRES_OWNER_SECRET": "owner"}.items():
        monkeypatch.setenv(name, value)


def verified(connection: str) -> dict[str, Any]:
    """Return the connection's parameters without the password; assert that only a certificate of RDS is trusted."""
    parameters = dict(conninfo_to_dict(connection))
    assert parameters.pop("sslmode") == "verify-full"
    assert Path(str(parameters.pop("sslrootcert"))) == connections.RDS_AUTHORITIES
    assert parameters.pop("password")
    return parameters


@pytest.mark.usefixtures("rds")
def test_a_token_is_sent_only_to_a_server_that_rds_certifies() -> None:
    assert verified(connections.ledger_conninfo()) == {**PLACE, "user": "app"}


def test_the_authorities_cover_the_regions_and_are_valid_beyond_2050() -> None:
    text = connections.RDS_AUTHORITIES.read_text()
    assert text.count("-----BEGIN CERTIFICATE-----") == text.count("Root CA") > 50
    for region in ("us-east-1", "eu-central-1"):
        assert f"# Amazon RDS {region} Root CA RSA2048 G1, until 2061" in text
    assert min(line[-10:-6] for line in text.splitlines() if ", until " in line) > "2050"

"""The connections to the stores: where, as whom, and only with a verified certificate."""

from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from chalicelib import connections
from chalicelib.graph import client as graph
from chalicelib.graph.client import GraphUnavailableError
from chalicelib.ledger import connection as postgres

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


SECRET = {**PLACE, "username": "app", "password": "made up"}


def test_without_a_word_about_tls_the_server_must_prove_its_name() -> None:
    parameters = conninfo_to_dict(postgres.conninfo(SECRET))
    assert (parameters["sslmode"], parameters["sslrootcert"]) == ("verify-full", postgres.PUBLIC_AUTHORITIES)
    assert "BEGIN CERTIFICATE" in Path(postgres.PUBLIC_AUTHORITIES).read_text()


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca", ""])
def test_no_secret_can_switch_the_check_off(mode: str) -> None:
    with pytest.raises(ValueError, match="sslmode") as refusal:
        postgres.conninfo(SECRET | {"sslmode": mode})
    assert "made up" not in str(refusal.value)


def test_only_a_server_on_this_machine_may_do_without_tls() -> None:
    here = SECRET | {"host": "127.0.0.1"}
    without = conninfo_to_dict(postgres.conninfo(here | {"sslmode": "disable"}))
    assert (without["sslmode"], without["require_auth"]) == ("disable", "scram-sha-256")
    assert conninfo_to_dict(postgres.conninfo(here))["sslmode"] == "verify-full"


@pytest.mark.parametrize(
    "uri",
    ["bolt://graph.example", "neo4j://graph.example:7687", "neo4j+ssc://graph.example", "bolt://127.0.0.1.example"],
)
def test_a_graph_that_need_not_prove_its_name_gets_no_password(uri: str) -> None:
    with pytest.raises(GraphUnavailableError, match="neither a certificate"):
        graph.connect(uri, "neo4j", "made up")


@pytest.mark.parametrize("uri", ["neo4j+s://graph.example", "bolt+s://graph.example", "bolt://127.0.0.1:7687"])
def test_a_graph_with_a_verified_certificate_or_here_is_spoken_to(uri: str) -> None:
    graph.connect(uri, "neo4j", "made up").close()


def test_the_authorities_cover_the_regions_and_are_valid_beyond_2050() -> None:
    text = connections.RDS_AUTHORITIES.read_text()
    assert text.count("-----BEGIN CERTIFICATE-----") == text.count("Root CA") > 50
    for region in ("us-east-1", "eu-central-1"):
        assert f"# Amazon RDS {region} Root CA RSA2048 G1, until 2061" in text
    assert min(line[-10:-6] for line in text.splitlines() if ", until " in line) > "2050"

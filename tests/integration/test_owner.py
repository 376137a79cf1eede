"""How migrations log in on RDS, whose secret for the owner holds only user name and password."""

import json
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chalicelib import config
from chalicelib.connections import owner
from chalicelib.ledger.connection import conninfo
from chalicelib.ledger.migrate import migrate_ledger
from local.cloud import Cloud
from local.ports import Ports
from tests.unit.test_connections import PLACE, verified

# The roles as RDS makes them: its master user is no superuser, and may grant rds_iam.
AS_RDS = """
DROP ROLE app;
DROP ROLE operator;
CREATE ROLE rds_iam;
CREATE ROLE rds_superuser NOLOGIN;
GRANT rds_iam TO rds_superuser WITH ADMIN OPTION;
CREATE ROLE ledger_owner LOGIN CREATEROLE CREATEDB PASSWORD 'made-up';
GRANT rds_superuser TO ledger_owner;
ALTER DATABASE {database} OWNER TO ledger_owner;
"""
MEMBERS = (
    "SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper AND pg_has_role(rolname, 'rds_iam', 'member')"
)


class Aws:
    """Secrets Manager, which holds the owner's password, and RDS' signer, which returns the test's token."""

    def __init__(self, *, username: str, password: str, token: str) -> None:
        self._secret, self._token = {"username": username, "password": password}, token

    def get_secret_value(self, **_: str) -> dict[str, str]:
        return {"SecretString": json.dumps(self._secret)}

    def generate_db_auth_token(self, **_: object) -> str:
        return self._token


@pytest.mark.parametrize("right", ["token", "password"])
def test_the_owner_logs_in_with_a_token_or_before_the_first_migration_with_the_password(
    right: str, stores: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    login = stores["postgres-owner"]
    wrong = {"password": "wrong", "token": "wrong"} | {right: login["password"]}
    monkeypatch.setenv("POSTGRES_OWNER_SECRET", "owner")
    monkeypatch.setattr(config, "client", lambda _: Aws(username=login["username"], **wrong))
    # The laptop's server has no TLS; the next test checks that RDS must have it.
    place = {name: login[name] for name in ("host", "port", "dbname", "sslmode")}
    monkeypatch.setattr("chalicelib.connections._rds", lambda: place)
    assert migrate_ledger(owner()) == []


def test_token_and_password_are_sent_only_to_a_server_with_rds_certificate(
    stores: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    login = stores["postgres-owner"]
    monkeypatch.setenv("POSTGRES_OWNER_SECRET", "owner")
    for name in ("host", "port", "dbname"):
        monkeypatch.setenv(f"POSTGRES_{name.upper()}", str(login[name]))
    monkeypatch.setattr(config, "client", lambda _: Aws(username="ledger_owner", password="p", token="t"))  # noqa: S106
    place = {name: str(login[name]) for name in PLACE}
    assert verified(conninfo(owner())) == {**place, "user": "ledger_owner"}


def test_migrations_need_no_superuser_and_make_every_role_log_in_with_a_token(tmp_path: Path) -> None:
    cloud = Cloud(folder=tmp_path, ports=Ports.free())
    cloud.up(["postgres"])
    try:
        superuser = cloud.secrets()["postgres-owner"]
        with psycopg.connect(conninfo(superuser), autocommit=True) as sql:
            sql.execute(AS_RDS.format(database=superuser["dbname"]).encode())
            login = {**superuser, "username": "ledger_owner", "password": "made-up"}
            assert migrate_ledger(login)  # RDS takes the password until these migrations ran
            assert {role for (role,) in sql.execute(MEMBERS)} == {"ledger_owner", "app", "operator", "analyst"}
            assert sql.execute("SELECT has_table_privilege('analyst', 'interaction', 'SELECT')").fetchone() == (True,)
            answer_members_of_rds_iam(sql, "reject")
            with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects"):
                migrate_ledger(login)
            answer_members_of_rds_iam(sql, "trust")  # as RDS does when the password is a token
            assert migrate_ledger(login) == []
            for role in ("app", "operator", "analyst"):
                with psycopg.connect(conninfo({**login, "username": role, "password": "a token"})) as connection:
                    connection.execute("SELECT count(*) FROM interaction")
    finally:
        cloud.down()


def answer_members_of_rds_iam(sql: psycopg.Connection, method: str) -> None:
    """Put a rule for logins of rds_iam's members before all other rules."""
    [(file,)] = sql.execute("SHOW hba_file")
    path = Path(file)
    rules = [line for line in path.read_text().splitlines() if "+rds_iam" not in line]
    path.write_text("\n".join([f"host all +rds_iam 127.0.0.1/32 {method}", *rules, ""]))
    sql.execute("SELECT pg_reload_conf()")
    first = "SELECT auth_method FROM pg_hba_file_rules ORDER BY rule_number LIMIT 1"
    assert sql.execute(first).fetchone() == (method,)
    time.sleep(1)  # until the server has read the new rules

"""How migrations log in on RDS, whose secret for the owner holds only user name and password."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chalicelib import config
from chalicelib.connections import owner
from chalicelib.ledger import migrate
from chalicelib.ledger.connection import conninfo
from chalicelib.ledger.migrate import migrate_ledger
from local.cloud import Cloud
from local.ports import Ports
from tests.unit.test_connections import PLACE, verified

# The roles as RDS makes them: its master user is no superuser, and may grant rds_iam.
AS_RDS = """
DROP ROLE app;
DROP ROLE operator;
DROP ROLE analyst;
DROP ROLE event_status;
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


def test_with_passwords_refused_as_on_rds_migrations_and_every_role_log_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = Cloud(folder=tmp_path / "cloud", ports=Ports.free())
    cloud.up(["postgres"])
    try:
        superuser = cloud.secrets()["postgres-owner"]
        with psycopg.connect(conninfo(superuser), autocommit=True) as sql:
            sql.execute(AS_RDS.format(database=superuser["dbname"]).encode())
            login = {**superuser, "username": "ledger_owner", "password": "made-up"}
            monkeypatch.setattr(migrate, "MIGRATIONS", before("0004", tmp_path))
            assert answer_members(sql, "reject") == set()
            assert migrate_ledger(login)  # with the password: nobody is a member yet
            assert answer_members(sql, "reject") == set()
            monkeypatch.undo()
            assert migrate_ledger(login)  # with the password, by which its connections were made before 0004 ran
            roles = {"ledger_owner", "app", "operator", "analyst", "event_status"}
            assert answer_members(sql, "reject") == roles
            for role in roles:
                with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects"):
                    psycopg.connect(conninfo({**login, "username": role}))
            # With a token RDS lets them in. Here it is the password, since without TLS none is sent but by SCRAM.
            answer_members(sql, "scram-sha-256")
            for role in roles:
                sql.execute(f"ALTER ROLE {role} PASSWORD 'a token'".encode())
            sql.execute("ALTER ROLE app SET statement_timeout = '1ms'")  # as it may itself; its maker can undo it
            assert migrate_ledger({**login, "password": "a token"}) == []
            for role in roles:
                with psycopg.connect(conninfo({**login, "username": role, "password": "a token"})) as connection:
                    connection.execute("SELECT count(*) FROM interaction")
                    connection.execute("SELECT pg_sleep(0.1)")
    finally:
        cloud.down()


def before(number: str, folder: Path) -> Path:
    """Return a folder with the migrations of smaller numbers."""
    older = folder / "older"
    older.mkdir()
    for path in migrate.MIGRATIONS.glob("*.sql"):
        if path.name < number:
            shutil.copy(path, older)
    return older


def answer_members(sql: psycopg.Connection, method: str) -> set[str]:
    """Have the server treat logins of rds_iam's members in this way, before any other rule; return the members.

    On RDS its master may give rds_iam away without being a member of it. In plain Postgres only membership allows that,
    so the membership that comes from rds_superuser alone does not count.
    """
    with sql.transaction(force_rollback=True):
        sql.execute("REVOKE rds_superuser FROM ledger_owner")
        members = {role for (role,) in sql.execute(MEMBERS)}
    [(file,)] = sql.execute("SHOW hba_file")
    path, mark = Path(file), "# as RDS"
    rules = [line for line in path.read_text().splitlines() if mark not in line]
    path.write_text("\n".join([*(f"host all {one} 127.0.0.1/32 {method} {mark}" for one in members), *rules, ""]))
    sql.execute("SELECT pg_reload_conf()")
    assert sql.execute("SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL").fetchone() == (0,)
    time.sleep(1)  # the postmaster reads its signal
    return members

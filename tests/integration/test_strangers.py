"""What the laptop's cloud answers to others than its user: another account of the machine, a web page, a wrong key."""

import base64
import http.client
import io
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import neo4j
import psycopg
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from chalicelib.ledger.connection import conninfo
from local.cloud import Cloud
from local.component import CloudError
from local.deploy import deploy
from local.ports import Ports
from scripts.common.target import Target

SERVICE = "AWSCognitoIdentityProviderService."
ALICE, PASSWORD = "alice@example.com", "Recall-and-peel-1"
FUNCTIONS = "/2015-03-31/functions/"
FORGED = "AWS4-HMAC-SHA256 Credential=test/20261126/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=00"
CALLER = "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>"
OTHER_USER = """
import json, pathlib, socket, sys, urllib.error, urllib.request
endpoint, folder = sys.argv[1:]
headers = {"Authorization": sys.argv[0], "Content-Type": "application/json"}
request = urllib.request.Request(endpoint + "/2015-03-31/functions", data=b"{}", headers=headers)
try:
    print(urllib.request.urlopen(request, timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code)
for name in ("passwords.json", "env", "aws/state", "supervisor.sock"):
    try:
        (pathlib.Path(folder) / name).stat()
        print("found", name)
    except PermissionError:
        print("closed")
"""


def signed(cloud: Cloud, **headers: str) -> requests.Response:
    """Send a request that is signed as the cloud's own user signs, with these headers besides."""
    keys = cloud.environment()
    return send(cloud, keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], **headers)


def send(cloud: Cloud, access_key_id: str, secret: str, **headers: str) -> requests.Response:
    request = AWSRequest("GET", cloud.environment()["AWS_ENDPOINT_URL"] + FUNCTIONS, headers=headers)
    SigV4Auth(Credentials(access_key_id, secret), "lambda", "us-east-1").add_auth(request)
    return requests.get(str(request.url), headers=dict(request.headers.items()), timeout=30)


def test_its_own_user_is_served(cloud: Cloud) -> None:
    assert "Functions" in signed(cloud).json()


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Host": "rebound.example:4566"}, id="DNS rebinding"),
        pytest.param({"Host": "localhost"}, id="another port's name"),
        pytest.param({"Origin": "http://localhost:3000"}, id="a page of another loopback origin"),
        pytest.param({"Origin": "null"}, id="a sandboxed page"),
        pytest.param({"Sec-Fetch-Site": "cross-site"}, id="an image of a page"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, id="a page of another port"),
    ],
)
def test_what_a_browser_sends_for_a_page_is_refused_even_with_a_good_signature(
    cloud: Cloud, headers: dict[str, str]
) -> None:
    answer = signed(cloud, **headers)
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_wrong_secret_is_refused_for_every_key_that_is_known(cloud: Cloud) -> None:
    own = cloud.environment()["AWS_ACCESS_KEY_ID"]
    for key in (own, "000000000000", "test"):
        assert send(cloud, key, "test").status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/_ministack/health"),
        ("POST", "/_ministack/reset"),
        ("POST", "/_ministack/config"),
        ("GET", FUNCTIONS),
        ("POST", FUNCTIONS),
        ("PUT", "/_ministack/cfn-response/../reset"),
        ("GET", "/us-east-1_pool/.well-known/jwks.json?Action=ListQueues"),
        ("GET", "/bucket/.well-known/jwks.json"),
        ("PUT", "/bucket/key"),
        ("POST", "/restapis/api/api/_user_request_/interaction"),
        ("OPTIONS", FUNCTIONS),
    ],
)
def test_what_is_not_signed_is_refused(cloud: Cloud, method: str, path: str) -> None:
    endpoint = cloud.environment()["AWS_ENDPOINT_URL"]
    request = requests.Request(method, endpoint, headers={"Authorization": FORGED}).prepare()
    request.url = endpoint + path  # as it is, with its dots
    with requests.Session() as session:
        assert session.send(request, timeout=30).status_code == 403


@pytest.mark.parametrize("path", ["/", FUNCTIONS, "/?Action=ListQueues"])
@pytest.mark.parametrize("operation", ["SignUp", "ForgotPassword", "AdminGetUser", "ListUsers", "InitiateAuth"])
def test_of_the_user_pool_only_sign_in_is_open(cloud: Cloud, path: str, operation: str) -> None:
    answer = ask(cloud.environment()["AWS_ENDPOINT_URL"] + path, operation, {"AuthFlow": "USER_PASSWORD_AUTH"})
    assert (answer.status_code == 403) == (operation != "InitiateAuth" or path != "/")


@pytest.mark.parametrize("others", [["ListUserPools"], ["InitiateAuth"]])
def test_a_second_target_opens_nothing(cloud: Cloud, others: list[str]) -> None:
    """MiniStack takes the last one, and `requests` sends no header twice."""
    body = b'{"AuthFlow": "USER_PASSWORD_AUTH", "MaxResults": 10}'
    with closing(http.client.HTTPConnection("127.0.0.1", cloud.ports.aws, timeout=30)) as connection:
        connection.putrequest("POST", "/")
        for operation in ("InitiateAuth", *others):
            connection.putheader("X-Amz-Target", SERVICE + operation)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        assert connection.getresponse().status == 403


@pytest.fixture(scope="module")
def person(cloud: Cloud) -> dict[str, Any]:
    """Return who can sign in at a user pool of the tests' own: the client's id, and the tokens of a sign-in."""
    users = Target.local(cloud.environment()).client("cognito-idp")
    pool = users.create_user_pool(PoolName="strangers", UsernameAttributes=["email"])["UserPool"]["Id"]
    flows = [f"ALLOW_{flow}" for flow in ("USER_PASSWORD_AUTH", "USER_SRP_AUTH", "REFRESH_TOKEN_AUTH", "CUSTOM_AUTH")]
    client = users.create_user_pool_client(UserPoolId=pool, ClientName="strangers", ExplicitAuthFlows=flows)
    users.admin_create_user(UserPoolId=pool, Username=ALICE, MessageAction="SUPPRESS")
    users.admin_set_user_password(UserPoolId=pool, Username=ALICE, Password=PASSWORD, Permanent=True)
    client_id = client["UserPoolClient"]["ClientId"]
    keys = {"USERNAME": ALICE, "PASSWORD": PASSWORD}
    answer = users.initiate_auth(ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=keys)
    return {"ClientId": client_id, **answer["AuthenticationResult"]}


DOORS = pytest.mark.parametrize("door", ["AWS_ENDPOINT_URL", "USER_POOL_ENDPOINT"])


@DOORS
def test_who_has_the_password_or_a_token_of_the_pool_signs_in(cloud: Cloud, person: dict[str, Any], door: str) -> None:
    def sign_in(operation: str, **body: object) -> requests.Response:
        return ask(cloud.environment()[door], operation, {"ClientId": person["ClientId"], **body})

    for flow, parameters in (
        ("USER_PASSWORD_AUTH", {"USERNAME": ALICE, "PASSWORD": PASSWORD}),
        ("REFRESH_TOKEN_AUTH", {"REFRESH_TOKEN": person["RefreshToken"]}),
        ("REFRESH_TOKEN", {"REFRESH_TOKEN": person["RefreshToken"]}),
    ):
        answer = sign_in("InitiateAuth", AuthFlow=flow, AuthParameters=parameters)
        assert answer.json()["AuthenticationResult"]["IdToken"]
    assert sign_in("GetTokensFromRefreshToken", RefreshToken=person["RefreshToken"]).json()["AuthenticationResult"]
    for other in ("IdToken", "AccessToken"):
        refused = sign_in("GetTokensFromRefreshToken", RefreshToken=person[other])
        assert refused.json()["__type"] == "NotAuthorizedException"
    challenge = sign_in("InitiateAuth", AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": ALICE, "SRP_A": "abc"})
    asked = challenge.json()["ChallengeParameters"]
    proof = {
        "USERNAME": asked["USER_ID_FOR_SRP"],
        "PASSWORD_CLAIM_SECRET_BLOCK": asked["SECRET_BLOCK"],
        "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(bytes(32)).decode(),
        "TIMESTAMP": "Thu Nov 26 07:00:00 UTC 2026",
    }
    guessed = sign_in("RespondToAuthChallenge", ChallengeName="PASSWORD_VERIFIER", ChallengeResponses=proof)
    assert guessed.json()["message"] == "Incorrect username or password."


@DOORS
def test_what_the_pool_would_take_without_a_proof_is_refused(cloud: Cloud, person: dict[str, Any], door: str) -> None:
    def token_of(name: str) -> str:
        header, claims, _ = person[name].split(".")
        return f"{header}.{claims}.{'A' * 342}"

    new = {"USERNAME": ALICE, "NEW_PASSWORD": "Mine-all-mine-1", "SOFTWARE_TOKEN_MFA_CODE": "000000"}
    forged = {"REFRESH_TOKEN": token_of("RefreshToken")}
    challenges = ("MFA_SETUP", "SOFTWARE_TOKEN_MFA", "NEW_PASSWORD_REQUIRED", "CUSTOM_CHALLENGE")
    attempts: list[tuple[str, dict[str, Any]]] = [
        *[("RespondToAuthChallenge", {"ChallengeName": one, "ChallengeResponses": new}) for one in challenges],
        ("InitiateAuth", {"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": forged}),
        ("InitiateAuth", {"AuthFlow": "CUSTOM_AUTH", "AuthParameters": new}),
        ("GetTokensFromRefreshToken", {"RefreshToken": token_of("RefreshToken")}),
        ("RevokeToken", {"Token": token_of("RefreshToken")}),
        ("GetUser", {"AccessToken": token_of("AccessToken")}),
        ("UpdateUserAttributes", {"AccessToken": token_of("AccessToken"), "UserAttributes": []}),
        ("GlobalSignOut", {"AccessToken": token_of("AccessToken")}),
    ]
    for operation, body in attempts:
        answer = ask(cloud.environment()[door], operation, {"ClientId": person["ClientId"], **body})
        assert answer.status_code in {400, 403}, operation
        assert answer.json()["__type"] in {"NotAuthorizedException", "MissingAuthenticationToken"}, operation
        assert ("Access-Control-Allow-Origin" in answer.headers) == (door == "USER_POOL_ENDPOINT")


@DOORS
def test_a_large_sign_in_is_refused(cloud: Cloud, door: str) -> None:
    body = {"AuthFlow": "USER_PASSWORD_AUTH", "x": "x" * 64 * 1024}
    answer = ask(cloud.environment()[door], "InitiateAuth", body)
    assert (answer.status_code, "65536 bytes" in answer.text) == (413 if door == "USER_POOL_ENDPOINT" else 403, True)


def ask(url: str, operation: str, body: object) -> requests.Response:
    headers = {"X-Amz-Target": SERVICE + operation, "Content-Type": "application/x-amz-json-1.1"}
    return requests.post(url, json=body, headers=headers, timeout=30)


def test_the_front_answers_to_no_name_but_this_machines(cloud: Cloud) -> None:
    url = cloud.environment()["API_URL"]
    assert requests.get(url, headers={"Host": "rebound.example"}, timeout=30).status_code == 400


def test_a_large_object_goes_through_in_parts(cloud: Cloud) -> None:
    s3, data = Target.local(cloud.environment()).client("s3"), os.urandom(20 * 1024**2)
    s3.create_bucket(Bucket="large")
    s3.upload_fileobj(io.BytesIO(data), "large", "object")
    assert s3.get_object(Bucket="large", Key="object")["Body"].read() == data


def test_a_long_poll_is_held_and_holds_up_nobody(cloud: Cloud) -> None:
    target = Target.local(cloud.environment())
    sqs = target.client("sqs")
    url = sqs.create_queue(QueueName="polled")["QueueUrl"]
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(target.client("sqs").receive_message, QueueUrl=url, WaitTimeSeconds=20)
        for _ in range(5):
            signed(cloud).raise_for_status()
        time.sleep(2)
        assert not poll.done()
        sqs.send_message(QueueUrl=url, MessageBody="at last")
        [message] = poll.result(15)["Messages"]
    assert message["Body"] == "at last"


def test_every_port_asks_a_stranger_for_what_only_the_user_has(cloud: Cloud) -> None:
    def aws(port: int) -> None:
        assert requests.get(f"http://127.0.0.1:{port}/", timeout=30).status_code == 403

    def api(port: int) -> None:
        assert requests.post(f"http://127.0.0.1:{port}/interaction", json={}, timeout=30).status_code in {401, 503}

    def console(port: int) -> None:
        for path in ("/", "/open?token=guessed", "/static/"):
            assert requests.get(f"http://127.0.0.1:{port}{path}", timeout=30).status_code == 401

    def postgres(port: int) -> None:
        for user in ("owner", "app", "operator", "event_status", "postgres"):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(f"postgresql://{user}:guessed@127.0.0.1:{port}/interaction")

    def bolt(port: int) -> None:
        for auth in (None, ("neo4j", "neo4j")):
            driver = neo4j.GraphDatabase.driver(f"bolt://127.0.0.1:{port}", auth=auth)
            with driver, pytest.raises(neo4j.exceptions.AuthError):
                driver.verify_connectivity()

    ports = cloud.ports
    answers = {ports.aws: aws, ports.api: api, ports.console: console, ports.postgres: postgres, ports.neo4j: bolt}
    assert set(answers) == set(asdict(ports).values())  # where anything listens: see test_local.py
    for port, answer in answers.items():
        answer(port)


@pytest.fixture
def false_postgres() -> Iterator[tuple[int, list[bytes]]]:
    """Listen in place of Postgres, and ask who connects for the password in clear; yield the port and the answers."""
    answers: list[bytes] = []

    def ask_for_password() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(int.from_bytes(connection.recv(4)) - 4)
                    connection.sendall(b"R" + (8).to_bytes(4) + (3).to_bytes(4))  # AuthenticationCleartextPassword
                    answers.append(connection.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=ask_for_password, daemon=True)
        thread.start()
        yield listener.getsockname()[1], answers
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_who_listens_in_place_of_postgres_is_told_no_password(
    cloud: Cloud, false_postgres: tuple[int, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is down, another user of the machine can have its port."""
    port, answers = false_postgres
    for name in ("postgres-owner", "postgres", "postgres-operator", "postgres-event-status"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(conninfo({**cloud.secrets()[name], "port": port}))
    environment = cloud.environment()
    for name in [name for name in environment if name.startswith("PG")]:
        monkeypatch.setenv(name, environment[name])
    for address in ("", environment["DATABASE_URL"].replace(f":{cloud.ports.postgres}/", f":{port}/")):
        monkeypatch.setenv("PGPORT", str(port))
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(address)
    assert set(answers) == {b""}


class FalseAws(HTTPServer):
    """Listens at the port of the AWS endpoint from `listen` on; tells who calls, and refuses all else."""

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), FalseAnswers, bind_and_activate=False)
        self.told: list[str] = []

    def listen(self) -> None:
        if not self.told:
            self.told.append("listening")
            self.server_bind()
            self.server_activate()
            threading.Thread(target=self.serve_forever, daemon=True).start()


class FalseAnswers(BaseHTTPRequestHandler):
    server: FalseAws

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.told.append(f"{self.headers.get('X-Amz-Target', '')} {body}")
        answer = CALLER if "Action=GetCallerIdentity" in body else "<ErrorResponse/>"
        self.send_response(200 if answer is CALLER else 400)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def starting(tmp_path: Path) -> Iterator[tuple[Cloud, FalseAws]]:
    """Yield a cloud of which nothing runs, and a server that can take the port of its AWS endpoint."""
    cloud = Cloud(folder=tmp_path, ports=Ports.free())
    with FalseAws(cloud.ports.aws) as false_aws:
        yield cloud, false_aws
        if false_aws.told:
            false_aws.shutdown()
    cloud.down()


def test_who_listens_in_place_of_the_aws_endpoint_while_it_starts_is_not_believed(
    starting: tuple[Cloud, FalseAws],
) -> None:
    cloud, false_aws = starting

    def narrate(told: str) -> None:
        if told == "AWS: starting":  # the port was free, and the endpoint's own process has it only after a while
            false_aws.listen()

    def make_up() -> None:
        cloud.up(["aws"], narrate)
        deploy(cloud, print)

    with pytest.raises(CloudError, match=r"^aws: did not start"):
        make_up()
    assert false_aws.told == ["listening"]


def test_who_listens_in_place_of_the_aws_endpoint_before_a_deploy_is_told_no_password(
    starting: tuple[Cloud, FalseAws],
) -> None:
    cloud, false_aws = starting
    false_aws.listen()
    with pytest.raises(CloudError, match=r"^aws: its own process does not listen"):
        deploy(cloud, print)
    assert [told for told in false_aws.told if "Secret" in told] == []
    assert "DescribeStacks" in false_aws.told[1]  # it was asked, and told nothing secret


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="only root runs Postgres as nobody")
def test_root_without_the_right_to_look_into_postgres_takes_it_for_the_listener(cloud: Cloud) -> None:
    """As in a container, whose root has fewer rights."""
    code = f"from local.ports import listens; print(listens({cloud.pid('postgres')}, {cloud.ports.postgres}))"
    command = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "True\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_another_user_of_the_machine_gets_nothing(cloud: Cloud) -> None:
    before = signed(cloud).json()
    python = shutil.which("python3", path=os.defpath)
    assert python
    command = [python, "-c", OTHER_USER, cloud.environment()["AWS_ENDPOINT_URL"], str(cloud.folder)]
    told = subprocess.run(
        command, cwd="/", user="nobody", group="nogroup", extra_groups=[], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["403", "closed", "closed", "closed", "closed"]
    assert signed(cloud).json() == before

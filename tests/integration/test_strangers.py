"""What the laptop's cloud answers to others than its user: another account of the machine, a web page, a wrong key."""

import io
import os
import shutil
import subprocess
from dataclasses import asdict

import neo4j
import psycopg
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.cloud import Cloud
from scripts.common.target import Target

FUNCTIONS = "/2015-03-31/functions/"
FORGED = "AWS4-HMAC-SHA256 Credential=test/20261126/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=00"
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
        ("GET", "/pool/.well-known/jwks.json?Action=ListQueues"),
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
    headers = {"X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}"}
    answer = requests.post(cloud.environment()["AWS_ENDPOINT_URL"] + path, json={}, headers=headers, timeout=30)
    assert (answer.status_code == 403) == (operation != "InitiateAuth" or path != "/")


def test_the_front_passes_only_sign_in_to_the_user_pool(cloud: Cloud) -> None:
    url = cloud.environment()["USER_POOL_ENDPOINT"]
    for operation, refused in (("SignUp", True), ("InitiateAuth", False)):
        headers = {"X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}"}
        answer = requests.post(url, json={}, headers=headers, timeout=30)
        assert ("are open here" in answer.text) == refused


def test_the_front_answers_to_no_name_but_this_machines(cloud: Cloud) -> None:
    url = cloud.environment()["API_URL"]
    assert requests.get(url, headers={"Host": "rebound.example"}, timeout=30).status_code == 400


def test_a_large_object_goes_through_in_parts(cloud: Cloud) -> None:
    s3, data = Target.local(cloud.environment()).client("s3"), os.urandom(20 * 1024**2)
    s3.create_bucket(Bucket="large")
    s3.upload_fileobj(io.BytesIO(data), "large", "object")
    assert s3.get_object(Bucket="large", Key="object")["Body"].read() == data


def test_every_port_asks_a_stranger_for_what_only_the_user_has(cloud: Cloud) -> None:
    def aws(port: int) -> None:
        assert requests.get(f"http://127.0.0.1:{port}/", timeout=30).status_code == 403

    def api(port: int) -> None:
        assert requests.post(f"http://127.0.0.1:{port}/interaction", json={}, timeout=30).status_code in {401, 503}

    def postgres(port: int) -> None:
        for user in ("owner", "app", "operator", "postgres"):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(f"postgresql://{user}:guessed@127.0.0.1:{port}/interaction")

    def bolt(port: int) -> None:
        for auth in (None, ("neo4j", "neo4j")):
            driver = neo4j.GraphDatabase.driver(f"bolt://127.0.0.1:{port}", auth=auth)
            with driver, pytest.raises(neo4j.exceptions.AuthError):
                driver.verify_connectivity()

    ports = cloud.ports
    answers = {ports.aws: aws, ports.api: api, ports.postgres: postgres, ports.neo4j: bolt}
    assert set(answers) == set(asdict(ports).values())  # where anything listens: see test_local.py
    for port, answer in answers.items():
        answer(port)


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

"""Send: post one interaction as a user would, see the answer, and then its story."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import click
import requests
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chalicelib.interaction import Kind
from console.context import Context
from scripts.common.errors import WrongUseError
from scripts.common.target import Target
from scripts.get_bearer_token import sign_in
from stacks.config.environments import LOCAL

PATH: Final = "/send"
TITLE: Final = "Send"
POST_SECONDS: Final = 30
EXAMPLE: Final = {"email": "alice@example.com", "password": "Recall-and-peel-1"}  # whom `make up` creates
FIELDS: Final = ("email", "kind", "event_id", "artifact_id", "timestamp", "metadata")


def routes(context: Context) -> list[Route]:
    """Return the page's routes."""
    source, view = context.source, context.view
    example = EXAMPLE if source.environment is LOCAL else {}

    def page(request: Request) -> Response:
        given = {name: request.query_params.get(name, "") for name in FIELDS}
        given["email"] = given["email"] or example.get("email", "")
        return view.show("send.html", given=given, kinds=list(Kind), password=example.get("password", ""))

    def send(fields: dict[str, str]) -> Response:
        payload = _payload(fields)
        if source.environment.protected and fields.get("confirm") != source.name:
            raise WrongUseError(f"nothing was sent: type {source.name} to confirm that it is for {source.name}")
        answer = source.change(lambda target: _post(target, fields, payload))
        return view.show(
            "sent.html",
            answer=answer,
            payload=json.dumps(payload),
            event_id=_event_id(answer.text),
            given={name: fields.get(name, "") for name in FIELDS},
            kinds=list(Kind),
            password=fields.get("password", "") if example else "",
        )

    return [Route(PATH, page), Route(f"{PATH}/post", view.posted(send), methods=["POST"])]


def _payload(fields: dict[str, str]) -> dict[str, Any]:
    """Return the request's body; what is wrong in it is for the API to say, but metadata must be JSON to be sent."""
    text = fields.get("metadata", "").strip()
    try:
        metadata = json.loads(text) if text else None
    except (ValueError, RecursionError):
        raise WrongUseError('metadata is not JSON: write an object such as {"query": "bread"}') from None
    timestamp = fields.get("timestamp", "").strip() or datetime.now(UTC).isoformat()
    given = {name: fields[name].strip() for name in ("event_id", "artifact_id") if fields.get(name, "").strip()}
    return {"kind": fields.get("kind", ""), **given, "timestamp": timestamp, "metadata": metadata}


def _post(target: Target, fields: dict[str, str], payload: dict[str, Any]) -> requests.Response:
    """Post as this user; raises ClickException if the sign-in is refused."""
    token = sign_in(target, fields.get("email", "").strip(), fields.get("password", ""))
    try:
        with requests.Session() as session:
            session.trust_env = target.endpoint is None  # loopback is never reached through a proxy
            headers = {"Authorization": f"Bearer {token}"}
            return session.post(f"{target.api_url}/interaction", json=payload, headers=headers, timeout=POST_SECONDS)
    except requests.RequestException as error:
        raise click.ClickException(f"the API does not answer: {type(error).__name__}") from error


def _event_id(text: str) -> str | None:
    try:
        found = json.loads(text).get("event_id")
    except (ValueError, AttributeError):
        return None
    return str(found) if found else None

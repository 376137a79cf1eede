"""Send: post one interaction as a user would, see the answer, and then its story."""

import json
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

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
        if source.environment.protected and fields.get("confirm") != source.name:
            message = f"nothing was sent: type {source.name} to confirm that it is for {source.name}"
            return view.failed(WrongUseError(message), field="confirm")
        try:
            payload = _payload(fields)
        except WrongUseError as error:
            return view.failed(error, field="metadata")
        token = source.change(lambda target: _sign_in(target, fields))
        if not token.value:
            return view.failed(WrongUseError(token.refusal), field="password")
        answer = source.change(lambda target: _post(target, token.value, payload))
        message = _text(answer.text, "message")
        return view.show(
            "sent.html",
            answer=answer,
            message=message,
            field=named if (named := message.partition(":")[0]) in FIELDS else "",
            payload=json.dumps(payload),
            event_id=_text(answer.text, "event_id"),
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


class _Token(NamedTuple):
    value: str
    refusal: str = ""


def _sign_in(target: Target, fields: dict[str, str]) -> _Token:
    """Return the user's token or, without one, why the sign-in was refused."""
    try:
        return _Token(sign_in(target, fields.get("email", "").strip(), fields.get("password", "")))
    except click.ClickException as error:
        return _Token("", error.format_message())


def _post(target: Target, token: str, payload: dict[str, Any]) -> requests.Response:
    """Return the API's answer; raises ClickException without one."""
    try:
        with requests.Session() as session:
            session.trust_env = target.endpoint is None  # loopback is never reached through a proxy
            headers = {"Authorization": f"Bearer {token}"}
            return session.post(f"{target.api_url}/interaction", json=payload, headers=headers, timeout=POST_SECONDS)
    except requests.RequestException as error:
        raise click.ClickException(f"the API does not answer: {type(error).__name__}") from error


def _text(answer: str, name: str) -> str:
    """Return a field of the answer, empty if it has none."""
    try:
        return str(json.loads(answer).get(name) or "")
    except (ValueError, AttributeError):
        return ""

"""The request as the gateway passes it on, and its body: of the right type and size, unpacked."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from chalicelib.api.strict_json import RefusedError

MAX_BODY_BYTES = 256 * 1024  # unpacked
# API Gateway unpacks these and leaves the header as it was.
UNPACKED_ENCODINGS = ("", "identity", "gzip", "deflate")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the gateway passes on: the raw body, what its headers say of it, and the claims of the verified token."""

    body: bytes
    content_type: str | None
    content_encoding: str | None = None
    claims: Mapping[str, Any]
    client_ids: Container[str]
    """The clients of the user pool that may post here."""


def read_body(request: Request) -> bytes:
    """Return the body. Raises RefusedError: 415 if it is not JSON by its headers, 413 if it is too large."""
    media_type = (request.content_type or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise RefusedError("Content-Type: must be application/json", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if (request.content_encoding or "").strip().lower() not in UNPACKED_ENCODINGS:
        raise RefusedError("Content-Encoding: must be gzip or absent", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if (size := len(request.body)) > MAX_BODY_BYTES:
        message = f"the body has {size} bytes; at most {MAX_BODY_BYTES} are allowed, unpacked"
        raise RefusedError(message, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return request.body

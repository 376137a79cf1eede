"""Bodies that a careless or hostile client may send, by kind, each with the status that it must get."""

import codecs
import gzip
import json
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.samples import ARTIFACT, EVENT

JSON = {"Content-Type": "application/json"}
MAX_BODY_BYTES = 256 * 1024
OK, WRONG, TOO_LARGE, MEDIA_TYPE = 200, 400, 413, 415


@dataclass(frozen=True)
class Attempt:
    """A request, and the status that it must get."""

    name: str
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: JSON)


def attempts() -> Iterator[Attempt]:
    """Yield every attempt; the interactions that are accepted differ from each other."""
    kinds = {
        "missing": _missing(),
        "type": _types(),
        "value": _values(),
        "size": _sizes(),
        "number": _numbers(),
        "unicode": _unicode(),
        "nesting": _nesting(),
        "keys": _keys(),
        "encoding": _encodings(),
        "injection": _injections(),
    }
    for kind, found in kinds.items():
        for number, attempt in enumerate(found):
            status, body, *headers = attempt
            yield Attempt(f"{kind} {number}", status, body, JSON | headers[0] if headers else JSON)


Found = Iterator[tuple[Any, ...]]


def _now() -> float:
    return datetime.now(UTC).timestamp()


def _peel(**fields: Any) -> dict[str, Any]:
    event_id = str(uuid.uuid4())  # of its own, by which its row is found
    return {
        "kind": "peel",
        "artifact_id": ARTIFACT,
        "event_id": event_id,
        "metadata": None,
        "timestamp": _now(),
    } | fields


def _body(**fields: Any) -> bytes:
    return json.dumps(_peel(**fields)).encode()


def _raw(metadata: str | bytes) -> bytes:
    """Return a body whose metadata is this text, as it is."""
    text = metadata if isinstance(metadata, bytes) else metadata.encode()
    return json.dumps(_peel(metadata="HERE")).encode().replace(b'"HERE"', text)


def _missing() -> Found:
    for name in ("kind", "artifact_id", "timestamp"):
        yield WRONG, json.dumps({key: value for key, value in _peel().items() if key != name}).encode()
        yield WRONG, _body(**{name: None})
    for body in (b"", b" ", b"\n", b"null", b"{}", b"[]", b"{", b"}"):
        yield WRONG, body


def _types() -> Found:
    for name in ("kind", "artifact_id", "event_id", "timestamp"):
        for value in (True, [], {}, [ARTIFACT], {"a": 1}):
            yield WRONG, _body(**{name: value})
    not_objects: list[Any] = [True, 1, 1.5, "", "{}", [], [{}]]
    for metadata in not_objects:
        yield WRONG, _body(metadata=metadata)
    for body in (b"1", b"true", b'"text"', b"1e5", b'[{"kind": "recall"}]'):
        yield WRONG, body


def _values() -> Found:
    for kind in ("", "PEEL", "peel ", " peel", "peal", "recall\n", "mark", "Kind.PEEL"):
        yield WRONG, _body(kind=kind)
    for event_id in ("", "x", EVENT[:-1], EVENT + "0", EVENT.replace("-", ""), "{" + EVENT + "}", "urn:uuid:" + EVENT):
        yield WRONG, _body(event_id=event_id)
    tomorrow = datetime.now(UTC) + timedelta(days=1, minutes=5)
    for time in ("", "now", "2024-05-01", "2024-05-01T12:00:00", "12:00Z", "1714564800", "0001-01-01T00:00:00Z"):
        yield WRONG, _body(timestamp=time)
    for number in (0, -1, -0.0, 1, 946_684_799.9, tomorrow.timestamp(), tomorrow.isoformat(), "9999-12-31T23:59:60Z"):
        yield WRONG, _body(timestamp=number)
    yield WRONG, _body(user_id="somebody-else")
    yield WRONG, _body(id="0" * 64)
    yield WRONG, _body(received_at=1)


def _sizes() -> Found:
    for length, status in ((0, WRONG), (1, OK), (255, OK), (256, OK), (257, WRONG), (10_000, WRONG)):
        yield status, _body(artifact_id="x" * length)
    second = int(_now())  # as long in each body
    around = len(_body(metadata={"a": ""}, timestamp=second))
    for length, status in ((-1, OK), (0, OK), (1, TOO_LARGE), (100_000, TOO_LARGE)):
        yield status, _body(metadata={"a": "x" * (MAX_BODY_BYTES + length - around)}, timestamp=second)
    yield WRONG, json.dumps(_peel() | {f"unknown {number}": number for number in range(5000)}).encode()
    yield OK, _body(metadata={str(number): number for number in range(15_000)})
    yield OK, _body(metadata={"a": list(range(30_000))})


def _numbers() -> Found:
    for text in ("NaN", "Infinity", "-Infinity", "1e309", "-1e400", "9" * 400, "1" + "0" * 5000):
        yield WRONG, _raw(f'{{"a": {text}}}')
    for text in ("01", "+1", ".5", "1.", "0x10", "1_000", "1e", "--1"):
        yield WRONG, _raw(f'{{"a": {text}}}')
    for text in (
        "1e308",
        "-1e308",
        "5e-324",
        "1e-400",
        "-0",
        "0.1",
        "123456789012345678901234567890",
        "1E+2",
        "9" * 300,
    ):
        yield OK, _raw(f'{{"a": {text}}}')
    for text in ("1e309", "NaN", "1e20", "9" * 400, "-1e308"):
        yield WRONG, _body(timestamp="HERE").replace(b'"HERE"', text.encode())


def _unicode() -> Found:
    for text in ("\0", "a\0b", "\ud800", "\udfff", "\ude00\ud83d", "\ud800x"):
        yield WRONG, _body(artifact_id=text)
        yield WRONG, _body(metadata={"a": [text]})
        yield WRONG, _body(metadata={text: 1})
    for text in (
        "é",
        "e\u0301",
        "😀",
        "\u202etxt.exe",
        "\ufeff",
        "\uffff",
        "\ue000",
        "\u2028\u2029",
        "\x7f\x1b[31m",
        "\x01",
    ):
        yield OK, _body(artifact_id=text, metadata={text: text})


def _nesting() -> Found:
    for levels, status in ((1, OK), (2, OK), (63, OK), (64, OK), (65, WRONG), (100, WRONG), (5000, WRONG)):
        yield status, _raw('{"a":' * (levels - 1) + "{}" + "}" * (levels - 1))
        yield status, _raw('{"a":[' + "[" * (levels - 2) + "]" * (levels - 2) + "]}")
    yield WRONG, b"[" * 100_000
    yield WRONG, b'{"a":' * 40_000
    yield WRONG, b"[" * 50_000 + b"]" * 50_000


def _keys() -> Found:
    for name in ("kind", "artifact_id", "event_id", "metadata", "timestamp"):
        yield WRONG, _body()[:-1] + f', "{name}": null}}'.encode()
        yield WRONG, _body()[:-1] + f', "{name.upper()}": null}}'.encode()
    for text in ('{"a": 1, "a": 1}', '{"a": {"b": 1, "b": 2}}', '{"a": [{"b": 1, "\\u0062": 2}]}', '{"": 1, "": 2}'):
        yield WRONG, _raw(text)
    for text in ('{"": 1}', '{"a": 1, "A": 2}', '{"__proto__": {"x": 1}}', '{"constructor": 1}'):
        yield OK, _raw(text)


def _encodings() -> Found:
    text = _body(metadata={"city": "HERE"}).replace(b"HERE", "Zürich".encode())
    yield OK, text
    yield OK, codecs.BOM_UTF8 + text
    yield OK, gzip.compress(text), {"Content-Encoding": "gzip"}
    yield OK, text + b" ", {"Content-Type": "application/json; charset=utf-8"}
    yield OK, text + b"\r\n", {"Content-Type": "APPLICATION/JSON"}
    for codec in ("latin-1", "utf-16", "utf-16-le", "utf-32", "cp037"):
        yield WRONG, text.decode().encode(codec)
    for flaw in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"):
        yield WRONG, _raw(b'{"a": "' + flaw + b'"}')
    yield WRONG, codecs.BOM_UTF8 * 2 + text
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/html",
        "x",
    ):
        yield MEDIA_TYPE, text, {"Content-Type": kind}
    for coding in ("br", "deflate", "gzip, gzip", "x"):
        yield MEDIA_TYPE, text, {"Content-Encoding": coding}
    yield MEDIA_TYPE, text, {"Content-Encoding": "gzip"}
    yield MEDIA_TYPE, gzip.compress(text)
    yield MEDIA_TYPE, zlib.compress(text), {"Content-Encoding": "gzip"}
    yield MEDIA_TYPE, gzip.compress(text)[:-9], {"Content-Encoding": "gzip"}
    yield TOO_LARGE, gzip.compress(bytes(50_000_000)), {"Content-Encoding": "gzip"}


INJECTIONS = [
    "'; DROP TABLE interaction; --",
    "' OR '1'='1",
    "$$; SELECT pg_sleep(10); $$",
    "%s %(user_id)s {0} {user_id}",
    "x'}) DETACH DELETE n //",
    "`}) MATCH (n) DETACH DELETE n //",
    "$props ${7*7} {{7*7}} #{7*7}",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("http://localhost","x")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\x1b]0;title\x07\x1b[2J",
    "../../../../etc/passwd",
    "${jndi:ldap://localhost/a}",
    '{"$gt": ""}',
    "\r\nSet-Cookie: a=b",
    '{}[]"\\,:',
]


def _injections() -> Found:
    for text in INJECTIONS:
        yield OK, _body(artifact_id=text, metadata={"query": text, text: text})
        yield WRONG, _body(kind=text)
        yield WRONG, _body(event_id=text)
        yield WRONG, _body(timestamp=text)
        yield WRONG, _body(**{text: 1})

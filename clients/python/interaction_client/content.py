"""Makes JSON of what the caller gives, by a rule that never fails."""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

MAX_DEPTH = 64  # the API's bound for metadata, which is the first level
MAX_EXACT_INTEGER = 2**53 - 1  # JSON numbers are doubles to most readers
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def clean(value: Any, parents: tuple[int, ...] = ()) -> Any:
    """Return a copy of the value that is JSON, and that the API can store.

    NaN and infinities become None, integers that a double cannot hold their decimal text, dates ISO 8601 text; a naive
    datetime is local time. Tuples, sets and other iterables become lists. A cycle becomes "[cycle]", what is nested too
    deeply "[too deep]"; NUL characters and lone surrogates become U+FFFD. Anything else becomes its `str`.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime):
        return value.astimezone().isoformat() if value.tzinfo is None else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping | Iterable) and not isinstance(value, str | bytes | bytearray):
        return _nested(value, parents)
    return UNSTORABLE.sub("\ufffd", str(value))


def _number(value: float) -> Any:
    if isinstance(value, int):
        return int(value) if abs(value) <= MAX_EXACT_INTEGER else str(int(value))
    return float(value) if math.isfinite(value) else None


def _nested(value: Mapping[Any, Any] | Iterable[Any], parents: tuple[int, ...]) -> Any:
    if id(value) in parents:
        return "[cycle]"
    if len(parents) > MAX_DEPTH:  # the payload itself is the first parent
        return "[too deep]"
    within = (*parents, id(value))
    if isinstance(value, Mapping):
        return {UNSTORABLE.sub("\ufffd", str(key)): clean(item, within) for key, item in value.items()}
    return [clean(item, within) for item in value]

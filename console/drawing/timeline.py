"""What one user did, as a time line: a lane for each kind, a mark for each interaction."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

from markupsafe import Markup

from chalicelib.interaction import Kind

_LANE: Final = 22
_LEFT: Final = 84


def draw(interactions: Sequence[Mapping[str, Any]], zone: tzinfo = UTC) -> Markup:
    """Return the picture for wide and for narrow windows; nothing without interactions."""
    if not interactions:
        return Markup("")
    return Markup('<div class="chart wide">{}</div><div class="chart narrow">{}</div>').format(
        _drawn(interactions, zone, 1040), _drawn(interactions, zone, 360)
    )


def _drawn(interactions: Sequence[Mapping[str, Any]], zone: tzinfo, width: int) -> Markup:
    times = [datetime.fromisoformat(one["timestamp"]).astimezone(zone) for one in interactions]
    first, last = min(times), max(times)
    span, room = max(1.0, (last - first).total_seconds()), width - _LEFT - 16
    kinds, bottom = list(Kind), _LANE * len(Kind)
    lanes = Markup("").join(
        Markup('<text class="end" x="{}" y="{}">{}</text><path class="grid" d="M{} {}H{}"/>').format(
            _LEFT - 12, _LANE * lane + 16, kind.value, _LEFT, _LANE * lane + 12, width
        )
        for lane, kind in enumerate(kinds)
    )
    marks = Markup("").join(
        Markup('<circle class="fill-{}" cx="{:.1f}" cy="{}" r="4.2" opacity=".8"><title>{}</title></circle>').format(
            one["kind"],
            _LEFT + 6 + room * (time - first).total_seconds() / span,
            _LANE * kinds.index(Kind(one["kind"])) + 12,
            f"{one['kind']} {time:%Y-%m-%d %H:%M:%S} {zone}",
        )
        for one, time in zip(interactions, times, strict=True)
        if one["kind"] in kinds
    )
    ends = Markup('<text x="{}" y="{}">{}</text><text class="end" x="{}" y="{}">{}</text>').format(
        _LEFT, bottom + 18, f"{first:%Y-%m-%d %H:%M}", width, bottom + 18, f"{last:%Y-%m-%d %H:%M}"
    )
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, bottom + 26, f"{len(interactions)} interactions by kind and time", lanes + marks + ends
    )

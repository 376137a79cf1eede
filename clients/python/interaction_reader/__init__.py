"""Asks the interaction tracker's graph what a user did, and only reads: see docs/graph.md."""

from interaction_reader import questions
from interaction_reader.answers import (
    Companion,
    Event,
    History,
    Ignored,
    Kept,
    Opinion,
    Score,
    Similar,
    Totals,
    Touch,
)
from interaction_reader.asynchronous import AsyncReader
from interaction_reader.reader import Reader

__all__ = [
    "AsyncReader",
    "Companion",
    "Event",
    "History",
    "Ignored",
    "Kept",
    "Opinion",
    "Reader",
    "Score",
    "Similar",
    "Totals",
    "Touch",
    "questions",
]

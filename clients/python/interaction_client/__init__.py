"""Sends a user's interactions to the interaction tracker's API, and loses none: see docs/clients.md."""

from interaction_client.asynchronous import AsyncTracker
from interaction_client.model import Interaction, QueueFullError, Rejected, Status
from interaction_client.tracker import Tracker

__all__ = ["AsyncTracker", "Interaction", "QueueFullError", "Rejected", "Status", "Tracker"]

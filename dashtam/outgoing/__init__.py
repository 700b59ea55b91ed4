"""Calls that leave this service: one policy for all of them, and nothing of the providers' ways in it."""

from dashtam.outgoing.client import Outgoing, open_outgoing
from dashtam.outgoing.errors import CallFailed, Unfit, Why
from dashtam.outgoing.responses import Answer

__all__ = ["Answer", "CallFailed", "Outgoing", "Unfit", "Why", "open_outgoing"]

"""Calls that leave this service: one policy for all of them, and nothing of the providers' ways in it."""

from dashtam.outgoing.client import Outgoing, open_outgoing
from dashtam.outgoing.errors import CallFailed, Cause, InvalidResponse
from dashtam.outgoing.responses import Response

__all__ = ["CallFailed", "Cause", "InvalidResponse", "Outgoing", "Response", "open_outgoing"]

"""Calls to other services: one policy for all of them, without knowledge of any provider."""

from dashtam.outgoing.client import Outgoing, open_outgoing
from dashtam.outgoing.errors import CallFailed, Cause, InvalidResponse
from dashtam.outgoing.responses import Response

__all__ = ["CallFailed", "Cause", "InvalidResponse", "Outgoing", "Response", "open_outgoing"]

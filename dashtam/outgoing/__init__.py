"""Calls that leave this service: one policy for all of them, and nothing of the providers' ways in it."""

from dashtam.outgoing.answers import Answer
from dashtam.outgoing.client import Outgoing, open_outgoing
from dashtam.outgoing.failures import CallFailed, Unfit, Why

__all__ = ["Answer", "CallFailed", "Outgoing", "Unfit", "Why", "open_outgoing"]

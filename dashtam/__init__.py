"""Dashtam brings a person's financial data together; this package is the service and its developer environment."""

__version__ = "0.1.0"

"""Alpaca over OAuth, for installations that Alpaca has registered as an app."""

"""Alpaca, by OAuth: for installations that Alpaca has registered as an app."""

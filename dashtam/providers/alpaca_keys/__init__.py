"""Alpaca with API keys, for users with an Alpaca account."""

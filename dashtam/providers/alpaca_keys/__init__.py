"""Alpaca, by API keys: for anybody with an account."""

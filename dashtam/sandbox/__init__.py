"""The sandbox, an invented bank: a real OAuth 2.1 authorization server, only in development and tests."""

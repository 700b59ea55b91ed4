"""The sandbox, an invented bank for development and tests; dashtam/sandbox is its server."""

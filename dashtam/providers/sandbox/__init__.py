"""The bank that Dashtam plays itself, in development and tests; dashtam/sandbox is its server."""

"""The bank that Dashtam plays itself: a real OAuth 2.1 authorization server, in development and tests alone."""

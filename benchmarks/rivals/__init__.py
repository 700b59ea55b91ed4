"""The servers that the HTTP benchmark compares with; each returns the same rows for the same request."""

"""The servers that the HTTP benchmark compares with: each answers the same request with the same rows."""

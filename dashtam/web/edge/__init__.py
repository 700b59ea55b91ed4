"""What stands around the applications: server, proxies, limits, headers."""

"""The developer environment: it runs the five components, on Docker Compose or on local processes."""

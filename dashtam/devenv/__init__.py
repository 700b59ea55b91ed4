"""The developer environment: it runs the four components, on Docker Compose or on local processes."""

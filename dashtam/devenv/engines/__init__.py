"""The five components, on Docker Compose or as local processes."""

"""The compose engine: the five components as containers of Docker Compose."""

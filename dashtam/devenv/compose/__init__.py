"""The compose engine: the four components as containers of Docker Compose."""

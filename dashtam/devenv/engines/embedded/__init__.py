"""The embedded engine: the five components as local processes under Supervisor."""

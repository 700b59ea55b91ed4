"""The embedded engine: the four components as local processes under Supervisor."""

"""The development database: migrations and snapshots."""

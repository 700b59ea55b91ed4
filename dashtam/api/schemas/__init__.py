"""The shapes that travel, without logic."""

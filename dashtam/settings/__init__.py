"""What a process runs with, and how it is read."""

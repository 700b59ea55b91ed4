"""What every request goes through, and what all faces share."""

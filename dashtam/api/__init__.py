"""What clients reach: JSON over HTTPS under /api/v1, its documentation, and health."""

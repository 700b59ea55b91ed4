"""Makes a database what the application expects; never destroys."""

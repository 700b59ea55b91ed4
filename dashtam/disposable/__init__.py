"""The test database: verified, emptied, built, destroyed."""

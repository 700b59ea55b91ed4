"""How the application reaches its database, makes it exist, and rebuilds it where it may be destroyed."""

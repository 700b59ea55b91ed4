"""Starting, stopping and looking at an environment."""

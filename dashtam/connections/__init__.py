"""Users' links with providers: begun, completed, ended."""

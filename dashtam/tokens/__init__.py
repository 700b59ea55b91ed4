"""What providers granted: stored sealed, kept valid, given back."""

"""The business rules: what may be done, to which rows, and what is recorded of it."""

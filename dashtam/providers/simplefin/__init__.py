"""SimpleFIN: a read-only bridge to many institutions."""

"""Where providers send their redirects: an application of its own, which can do nothing else."""

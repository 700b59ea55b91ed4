"""Tests, checks and benchmarks."""

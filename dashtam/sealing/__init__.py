"""Secrets at rest: keys, the cipher, and changing keys while everything runs."""

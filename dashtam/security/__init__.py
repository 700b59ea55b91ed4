"""Cryptographic primitives without storage."""

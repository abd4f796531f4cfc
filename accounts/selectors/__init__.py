"""Selectors: read."""

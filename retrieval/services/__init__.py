"""Writes, and the work that leads to them."""

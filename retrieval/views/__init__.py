"""Translate HTTP requests into calls of services and selectors, and results into pages."""

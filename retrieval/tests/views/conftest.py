"""Fixtures of the tests of pages."""

from retrieval.tests.views.visitors import people, upload, visitor

__all__ = ["people", "upload", "visitor"]

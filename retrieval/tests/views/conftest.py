"""Fixtures of the tests of pages."""

from retrieval.tests.views.sending import photo_pool, send, while_decoding
from retrieval.tests.views.visitors import people, upload, visitor

__all__ = ["people", "photo_pool", "send", "upload", "visitor", "while_decoding"]

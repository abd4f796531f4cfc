"""Fixtures of the tests of labelling."""

from labelling.tests.photos import decoders, importing
from retrieval.tests.conftest import every_network, in_front, media_root

__all__ = ["decoders", "every_network", "importing", "in_front", "media_root"]

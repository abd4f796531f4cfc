"""Two spaces for every test of the engine: nothing may be tied to a thousand classes."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.engine.matcher import Matcher
from retrieval.engine.matchers import paper
from retrieval.engine.spaces import Space, objects
from retrieval.tests.factories import DUMMY, DUMMY_MATCHER


@pytest.fixture(params=["objects", "dummy"])
def space(request: pytest.FixtureRequest) -> Space:
    return objects() if request.param == "objects" else DUMMY


@pytest.fixture
def paper_like(space: Space) -> Matcher:
    """The paper's matcher in each of the two spaces."""
    return paper() if space.name == "objects" else DUMMY_MATCHER


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261123)

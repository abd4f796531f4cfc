"""Two spaces for the engine's tests, so that nothing depends on a thousand classes."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.engine.matching.matcher import Matcher
from retrieval.engine.matching.recipes import matcher_named
from retrieval.engine.spaces.space import ClassSpace, objects
from retrieval.tests.factories import DUMMY, DUMMY_MATCHER


@pytest.fixture(params=["objects", "dummy"])
def space(request: pytest.FixtureRequest) -> ClassSpace:
    return objects() if request.param == "objects" else DUMMY


@pytest.fixture
def paper_like(space: ClassSpace) -> Matcher:
    """The paper's matcher in the given space."""
    return matcher_named("paper") if space.name == "objects" else DUMMY_MATCHER


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261123)

from __future__ import annotations

import pytest

from retrieval.engine.ranking import certified, library_index, segment_folder


@pytest.fixture(scope="module")
def few_rows():
    """Segments for as few rows as a test has, and no score without them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment_folder, "FEWEST_ROWS", 1)
        patch.setattr(library_index, "_FEW_CLIPS", 0)
        patch.setattr(certified, "_SEED_BLOCKS", 2)
        patch.setattr(certified, "_SEED_CLIPS", 4)
        patch.setattr(certified, "_FIRST_BATCH", 4)
        yield

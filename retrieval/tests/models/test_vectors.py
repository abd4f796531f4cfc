from __future__ import annotations

import numpy as np
import pytest
from django.db import connection

from retrieval.models.vectors import vector_text

pytestmark = pytest.mark.django_db


def test_postgresql_reads_the_same_values():
    bits = np.random.default_rng(5).integers(0, 2**32, 10_000, dtype=np.uint32).view(np.float32)
    limits = np.finfo(np.float32)
    ends = [limits.max, limits.min, limits.tiny, limits.smallest_subnormal, 0, 1 / 3]
    values = np.concatenate([bits[np.isfinite(bits)], np.array(ends, np.float32)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::vector::real[]", [vector_text(values)])
        (stored,) = cursor.fetchone()
    np.testing.assert_array_equal(np.array(stored, np.float32), values)

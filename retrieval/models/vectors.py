"""Class distributions as columns: pgvector's `vector`, read and written in binary."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.db import models
from numpy.typing import NDArray

_HEADER_BYTES = 4


class DistributionField(models.Field):  # type: ignore[type-arg] # generic only in the stubs
    """A float32 vector of any length.

    Values arrive as pgvector's binary form: text would cost a hundred times more for a library of
    millions of rows.
    """

    description = "Class distribution (pgvector, float32)"

    def db_type(self, connection: Any) -> str:
        """Return pgvector's type, without a fixed dimension."""
        return "vector"

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        """Ask for the binary form."""
        return f"vector_send({sql})", params

    def from_db_value(
        self, value: memoryview | None, expression: Any, connection: Any
    ) -> NDArray[np.float32] | None:
        """Read the binary form."""
        if value is None:
            return None
        # int16 dimension, int16 unused, then big-endian float32.
        return np.frombuffer(value, dtype=">f4", offset=_HEADER_BYTES).astype(np.float32)

    def get_prep_value(self, value: Any) -> str | None:
        """Write as text, which PostgreSQL parses back to the same float32."""
        if value is None:
            return None
        numbers = np.asarray(value, dtype=np.float32).tolist()
        return "[" + ",".join(map(repr, numbers)) + "]"

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        """Say the type: text alone is no vector."""
        return "%s::vector"

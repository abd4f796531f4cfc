"""Model fields for pgvector's types, and its formats."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.db import models
from django.db.models import F, Func, IntegerField, Q
from numpy.typing import NDArray

_HEADER_BYTES = 4


def vector_dims(field: str) -> Func:
    """Return how many values a vector has."""
    return Func(F(field), function="vector_dims", output_field=IntegerField())


def vector_fills_space(field: str = "distribution") -> Q:
    """Return the condition that a vector has as many values as its space has classes."""
    return Q(classes=vector_dims(field))


def parse_vector(binary: memoryview, *, number: str = ">f4") -> NDArray[np.float32]:
    """Return a vector from its binary format: int16 dimension, int16 unused, values."""
    return np.frombuffer(binary, dtype=number, offset=_HEADER_BYTES).astype(np.float32)


def vector_text(vector: NDArray[np.floating[Any]]) -> str:
    """Return text that PostgreSQL parses to the same float32 values."""
    # Nine digits identify a float32. One format string for all is three times as fast as `repr`.
    values = vector.astype(np.float32).tolist()
    return f"[{','.join(['%.9g'] * len(values))}]" % tuple(values)


class DistributionField(models.Field):  # type: ignore[type-arg] # generic only in the stubs
    """A float32 vector of any length.

    Values are read in pgvector's binary format, about 100 times faster than text.
    """

    description = "Class distribution (pgvector, float32)"

    def db_type(self, connection: Any) -> str:
        """Return the column type, without a fixed dimension."""
        return "vector"

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        """Select the binary format."""
        return f"vector_send({sql})", params

    def from_db_value(
        self, value: memoryview | None, expression: Any, connection: Any
    ) -> NDArray[np.float32] | None:
        """Parse the binary format."""
        if value is None:
            return None
        return parse_vector(value)

    def get_prep_value(self, value: Any) -> str | None:
        """Return the vector as text that PostgreSQL parses to the same float32 values."""
        if value is None:
            return None
        return vector_text(np.asarray(value))

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        """Cast the text to the column type."""
        return "%s::vector"


class HalfVectorField(DistributionField):
    """A float16 vector of any length, which the database compares; values are read as float32."""

    description = "Vector (pgvector, float16)"

    def db_type(self, connection: Any) -> str:
        """Return the column type, without a fixed dimension."""
        return "halfvec"

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        """Select the binary format."""
        return f"halfvec_send({sql})", params

    def from_db_value(
        self, value: memoryview | None, expression: Any, connection: Any
    ) -> NDArray[np.float32] | None:
        """Parse the binary format."""
        return None if value is None else parse_vector(value, number=">f2")

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        """Cast the text to the column type."""
        return "%s::halfvec"

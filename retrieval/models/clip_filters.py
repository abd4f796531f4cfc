"""The column of filters: to which recordings a search is restricted."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Func, Q, Value
from django.db.models.lookups import Exact


class ClipFilterField(models.JSONField):
    """The canonical form of a filter (`selectors.clip_filters`); empty: every recording."""

    def __init__(self, **options: Any) -> None:
        defaults: dict[str, Any] = {
            "default": dict,
            "db_default": Value({}, models.JSONField()),
            "blank": True,
            "editable": False,
        }
        super().__init__(**defaults | options)


def is_clip_filter() -> Q:
    """Return the condition that `clip_filter` is an object: null would be no filter either."""
    kind = Func("clip_filter", function="jsonb_typeof", output_field=models.CharField())
    return Q(Exact(kind, Value("object")))

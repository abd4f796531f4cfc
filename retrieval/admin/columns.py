"""Columns of several lists in the admin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from retrieval.models import Job, LibraryProfiling, ProfileFailure, Scene, Visibility


@admin.display(description=_("why it failed"), ordering="failure_code")
def failure(job: Job) -> str:
    """Return in words why a job failed, or else the code; empty if it did not."""
    return job.failure_detail or job.failure_code


@admin.display(description=_("space"), ordering="space")
def space(row: LibraryProfiling | ProfileFailure) -> str:
    """Return the name of the space, which is its key."""
    return row.space_id


class FilledInFilter(admin.AllValuesFieldListFilter):
    """Filter by the values of a column, without a nameless link for the empty one."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Return the values that have a name."""
        return (choice for choice in super().choices(changelist) if choice["display"] != "")


def photo_of(scene: Scene) -> str:
    """Return the photo with a link to its page, or that it is private.

    As in `views.access`, a private photo is closed to operators too, and a hidden one is not. The
    address of the photo asks again.
    """
    shown = scene.visibility != Visibility.PRIVATE
    return render_to_string("admin/retrieval/scene/photo.html", {"scene": scene, "shown": shown})

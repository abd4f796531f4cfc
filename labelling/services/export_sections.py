"""The part of an export of personal data that labelling adds."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from labelling.selectors.personal_data import labels_of
from retrieval.services.export_sections import Entry, Section


def _grades(user_id: int) -> Iterator[Entry]:
    yield Entry("grades.json", labels_of(user_id))


GRADES = Section(
    _("grades.json: the grades that you gave as a reviewer, what you skipped, and when"), _grades
)

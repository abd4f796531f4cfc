"""What tests of constraints share."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction


def broken(constraint):
    """Expect the violation of this constraint or rule of a trigger."""

    def is_it(error):
        return error.__cause__.diag.constraint_name == f"labelling_{constraint}"

    return pytest.raises(IntegrityError, check=is_it)


def changed(row, **fields):
    """Change a row in the database."""
    with transaction.atomic():
        type(row).objects.filter(pk=row.pk).update(**fields)

"""The queries of the lists that leads see, as PostgreSQL plans them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labelling.selectors.campaign_list import campaign_rows
from labelling.selectors.campaign_pairs import Which, listed_pairs
from labelling.tests.factories import make_campaign, make_pairs

pytestmark = pytest.mark.django_db


def test_the_queries_of_the_lists_join_what_can_be_shown():
    """PostgreSQL checks a subplan row by row if it is large: with many pairs that takes minutes."""
    campaign = make_campaign()
    make_pairs(campaign, 3)
    with CaptureQueriesContext(connection) as captured:
        campaign_rows()
        for which in Which:
            list(listed_pairs(campaign.pk, which))
    asked = [one["sql"] for one in captured if "labelling_pair" in one["sql"]]
    assert len(asked) > len(Which)
    with connection.cursor() as cursor:
        for sql in asked:
            cursor.execute(f"EXPLAIN {sql}")
            assert "SubPlan" not in "".join(line for (line,) in cursor.fetchall())

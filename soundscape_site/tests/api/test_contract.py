"""The API answers as its description says, to requests that a program made up."""

from __future__ import annotations

import pytest

from soundscape_site.tests.api.contract import run_contract

SEED = 13


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_every_operation_keeps_its_contract(live_server, owner_of_all):
    outcome = run_contract(live_server.url, owner_of_all, examples=2, steps=3, seed=SEED, every=8)
    assert outcome.faults == ""
    assert sum(outcome.cases.values()) >= 200

"""Log-in while the database does not answer."""

from __future__ import annotations

import pytest
from allauth.account import adapter
from django.db import InterfaceError, OperationalError

from accounts.tests.people import log_in, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_try_that_an_outage_ends(client, monkeypatch, error):
    make_user()
    client.raise_request_exception = False
    with monkeypatch.context() as outage:

        def fail(*args, **credentials):
            raise error("the server closed the connection")

        outage.setattr(adapter, "authenticate", fail)
        assert {log_in(client).status_code for _ in range(10)} == {503}
    assert log_in(client).status_code == 302

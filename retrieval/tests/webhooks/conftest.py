"""Receivers of webhooks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.services.api_keys import make_key
from accounts.tests.role_holders import make_person
from retrieval.services.webhooks import make_webhook, public_url
from retrieval.tests.webhooks.receivers import (
    HOST,
    PUBLIC,
    Authority,
    PretendedNetwork,
    Receiver,
)
from retrieval.webhooks.addresses import receiver_at


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def trust(authority):
    return authority.trust()


@pytest.fixture
def make_receiver(authority):
    """Start servers that prove a name; None starts one without TLS."""
    receivers = []

    def make(name=HOST):
        receivers.append(Receiver(authority.server(name) if name else None))
        return receivers[-1]

    yield make
    for receiver in receivers:
        receiver.close()


@pytest.fixture
def receiver(make_receiver):
    return make_receiver()


@pytest.fixture
def network(receiver):
    """A network in which `HOST` leads to the receiver."""
    pretended = PretendedNetwork()
    pretended.names[HOST] = [[PUBLIC]]
    pretended.servers[PUBLIC] = receiver.port
    return pretended


class Keys:
    """Makes people with keys and webhooks."""

    def __init__(self):
        self.secrets = {}

    def key(self, name, *roles, scopes=("scenes:write",)):
        """Make a person with a key."""
        user = make_person(name, *roles)
        key, _ = make_key(user_id=user.pk, name="test", scopes=scopes, valid_for=timedelta(days=9))
        return key

    def webhook(self, key, url=f"https://{HOST}/hook", events=("scene.done", "scene.failed")):
        """Make a webhook of a key; keep its secret."""
        network = PretendedNetwork()
        network.names[receiver_at(url).host] = [[PUBLIC]]
        webhook, secret = make_webhook(
            key=key, url=public_url(url=url, network=network), events=events
        )
        self.secrets[webhook.pk] = secret
        return webhook


@pytest.fixture
def keys(db):
    return Keys()


@pytest.fixture
def key(keys):
    return keys.key("ada")


@pytest.fixture
def webhook(keys, key):
    return keys.webhook(key)

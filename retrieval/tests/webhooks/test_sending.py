"""One attempt, at real HTTPS servers: only the way to them is pretended."""

from __future__ import annotations

import time

import pytest

from retrieval.tests.webhooks.receivers import HOST, OK, PUBLIC, answer
from retrieval.webhooks.sending import send, server_trust

BODY = b'{"type":"webhook.test"}'
INSIDE = "127.0.0.1"


@pytest.fixture
def attempt(network, trust):
    def make(url=f"https://{HOST}/hook?a=b", *, deadline_s=10.0):
        return send(
            url, headers={"webhook-id": "m1", "Content-Type": "application/json"}, body=BODY,
            network=network, trust=trust, deadline_s=deadline_s,
        )  # fmt: skip

    return make


def test_a_message_arrives_byte_for_byte(attempt, receiver):
    outcome = attempt()
    assert (outcome.status, outcome.error, outcome.delivered) == (204, "", True)
    headers, body = receiver.requests[0]
    assert receiver.targets == ["POST /hook?a=b HTTP/1.1"]
    assert body == BODY
    assert (headers["host"], headers["webhook-id"]) == (HOST, "m1")
    assert headers["content-type"] == "application/json"


def test_a_port_is_named_to_the_receiver(attempt, receiver):
    assert attempt(f"https://{HOST}:8443/").delivered
    assert receiver.requests[0][0]["host"] == f"{HOST}:8443"


@pytest.mark.parametrize(
    ("status", "error"),
    [(200, ""), (299, ""), (304, "redirect_refused"), (400, "refused"), (404, "refused"),
     (410, "gone"), (500, "refused"), (503, "refused")],
)  # fmt: skip
def test_the_status_decides(attempt, receiver, status, error):
    receiver.respond = lambda wire: wire.sendall(answer(status))
    outcome = attempt()
    assert (outcome.status, outcome.error) == (status, error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_inside_is_not_followed(attempt, receiver, make_receiver, network, status):
    inside = make_receiver(None)
    where = f"Location: http://{INSIDE}:{inside.port}/"
    receiver.respond = lambda wire: wire.sendall(answer(status, where))
    outcome = attempt()
    assert (outcome.status, outcome.error) == (status, "redirect_refused")
    assert inside.connections == 0
    assert network.connections == [PUBLIC]


def test_a_name_that_leads_inside_at_the_second_look_is_not_contacted(attempt, receiver, network):
    network.names[HOST] = [[PUBLIC], [INSIDE]]
    assert attempt().delivered
    outcome = attempt()
    assert (outcome.status, outcome.error) == (None, "address_refused")
    assert (network.lookups, network.connections) == ([HOST, HOST], [PUBLIC])
    assert receiver.connections == 1


def test_the_name_is_not_resolved_between_check_and_connection(attempt, network):
    network.names[HOST] = [[PUBLIC], [INSIDE]]
    assert attempt().delivered
    assert (network.lookups, network.connections) == ([HOST], [PUBLIC])


def test_one_private_address_among_public_ones_stops_all(attempt, receiver, network):
    network.names[HOST] = [[PUBLIC, "10.0.0.1"]]
    assert attempt().error == "address_refused"
    assert receiver.connections == 0


def test_a_second_address_is_tried(attempt, network):
    network.names[HOST] = [["1.1.1.1", PUBLIC]]
    assert attempt().delivered
    assert network.connections == ["1.1.1.1", PUBLIC]


def test_no_proxy_of_the_environment_is_used(attempt, make_receiver, monkeypatch):
    proxy = make_receiver(None)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert attempt().delivered
    assert proxy.connections == 0


def test_the_certificate_must_be_for_the_name(attempt, make_receiver, network):
    other = make_receiver("other.example")
    network.servers[PUBLIC] = other.port
    outcome = attempt()
    assert (outcome.status, outcome.error) == (None, "certificate_invalid")
    assert other.requests == []


def test_the_certificate_must_come_from_a_known_authority(network, receiver):
    outcome = send(f"https://{HOST}/", headers={}, body=BODY, network=network, trust=server_trust())
    assert outcome.error == "certificate_invalid"
    assert receiver.requests == []


def test_a_server_without_tls_gets_nothing(attempt, make_receiver, network):
    plain = make_receiver(None)
    plain.respond = lambda wire: wire.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    network.servers[PUBLIC] = plain.port
    assert attempt().error == "tls_failed"


def test_a_server_that_is_away(attempt, network):
    network.names[HOST] = [["1.1.1.1"]]
    assert attempt().error == "connection_failed"


def drip(receiver, content):
    def respond(wire):
        for byte in content:
            wire.sendall(bytes([byte]))
            if receiver.ended.wait(0.05):
                return

    return respond


@pytest.mark.parametrize("behaviour", ["hangs", "drips", "hangs before TLS"])
def test_an_attempt_ends_at_its_deadline(attempt, receiver, make_receiver, network, behaviour):
    if behaviour == "hangs":
        receiver.respond = lambda wire: receiver.ended.wait(30)
    elif behaviour == "drips":
        receiver.respond = drip(receiver, b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 1000)
    else:
        receiver = make_receiver(None)
        receiver.respond = lambda wire: receiver.ended.wait(30)
        network.servers[PUBLIC] = receiver.port
    began = time.monotonic()
    outcome = attempt(deadline_s=0.5)
    assert outcome.error == "timeout"
    assert outcome.duration_ms >= 500
    assert time.monotonic() - began < 25  # the receiver would have hung for 30 s, or dripped 50


def test_a_slow_receiver_is_waited_for_within_the_deadline(attempt, receiver):
    receiver.respond = drip(receiver, OK)
    assert attempt(deadline_s=30).delivered


def test_of_a_long_answer_only_the_head_is_read(attempt, receiver):
    sent = []

    def endless(wire):
        wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
        while True:  # until the other side closes
            wire.sendall(bytes(65_536))
            sent.append(65_536)

    receiver.respond = endless
    assert attempt().delivered
    receiver.close()
    assert sum(sent) < 50_000_000  # what the system's buffers take


@pytest.mark.parametrize(
    "content",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"a" * 100_000,
        b"\xff\n",
        b"",
        b"SSH-2.0\r\n",
    ],
    ids=["endless headers", "long header", "no line", "garbage", "nothing", "not HTTP"],
)
def test_what_is_no_answer_of_http_is_a_failure(attempt, receiver, content):
    receiver.respond = lambda wire: wire.sendall(content)
    outcome = attempt()
    assert (outcome.status, outcome.error) == (None, "bad_answer")

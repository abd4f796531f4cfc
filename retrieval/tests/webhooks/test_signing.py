"""The Standard Webhooks scheme."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime

from retrieval.webhooks.payloads import payload
from retrieval.webhooks.signing import secret_text, signed_headers


def test_the_published_example_of_the_scheme():
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    raw = base64.b64decode(secret.removeprefix("whsec_"))
    assert signed_headers(
        secret=raw, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp_s=1614265330,
        body=b'{"test": 2432232314}',
    ) == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }  # fmt: skip
    assert secret_text(raw) == secret


def test_the_definition_of_hmac_gives_the_same():
    secret, body = bytes(range(32)), "Grüße".encode()
    headers = signed_headers(secret=secret, message_id="a.b", timestamp_s=17, body=body)
    block = secret.ljust(64, b"\0")  # RFC 2104
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + b"a.b.17." + body).digest()
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(outer).decode()}"


def test_a_payload_is_ascii_json_in_utc():
    at = datetime(2026, 11, 28, 17, 30, tzinfo=UTC)
    text = payload("scene.done", at=at, data={"id": "é"})
    assert text.isascii()
    assert json.loads(text) == {
        "type": "scene.done", "timestamp": "2026-11-28T17:30:00Z", "data": {"id": "é"},
    }  # fmt: skip

"""The longer examples of the readable page."""

from __future__ import annotations

import json
from typing import Final

from accounts.api.codes import KNOWN

SIGNATURE_CHECK: Final = '''\
import base64, hashlib, hmac, time

def is_ours(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Return whether a message was signed with the webhook's secret (whsec_...)."""
    sent, when = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(when)) > 300:  # an old message, sent again by somebody else
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{sent}.{when}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(signed).decode()
    return any(hmac.compare_digest(expected, one)
               for one in headers["webhook-signature"].split())
'''


SAMPLE_MESSAGE: Final = """\
{
  "type": "scene.done",
  "timestamp": "2026-03-01T12:00:00.250000Z",
  "data": {
    "id": "0c4b7f52-6a55-4f0b-8f3c-2f6c0f6a2b11",
    "state": "done",
    "failure_code": null,
    "path": "/api/v1/scenes/0c4b7f52-6a55-4f0b-8f3c-2f6c0f6a2b11"
  }
}
"""


def first_call(base: str) -> str:
    """Return the call that sends a photo and waits for its result."""
    return (
        "export SOUNDSCAPE_KEY=snd_...\n"
        'curl -H "Authorization: Bearer $SOUNDSCAPE_KEY" -H "Prefer: wait=10" \\\n'
        f"  -F photo=@photo.jpg {base}/api/v1/scenes"
    )


def client_setup(base: str) -> str:
    """Return how the project's client is made."""
    return (
        "# in a copy of the project's source: pip install ./examples\n"
        "import os\n"
        "from soundscape_client import Client, write_csv\n\n"
        f'client = Client("{base}", os.environ["SOUNDSCAPE_KEY"])'
    )


def sample_problem() -> str:
    """Return a problem as the API answers it."""
    status, _title, _detail = KNOWN["unknown_field"]
    return json.dumps(
        {
            "type": "/api/v1/docs#unknown_field",
            "title": "Bad Request",
            "status": status,
            "code": "unknown_field",
            "detail": "titel: There is no such field.",
            "request_id": "01f6c2c8a7f94f0e",
            "errors": [
                {"field": "titel", "code": "unknown_field", "detail": "There is no such field."}
            ],
        },
        indent=2,
    )

"""Programs that call the API of labelling with a key."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.test import Client

from accounts.scopes import Scope
from accounts.services.api_keys import make_key
from accounts.tests.role_holders import make_person

ALL_SCOPES = tuple(Scope)


class Program:
    """A program of a new person with these roles, with a key of these scopes."""

    def __init__(self, name: str, *roles: str, scopes: Iterable[str] = ALL_SCOPES) -> None:
        self.person = make_person(name, *roles)
        _, secret = make_key(
            user_id=self.person.pk, name="test", scopes=scopes, valid_for=timedelta(days=1)
        )
        self._client = Client(headers={"Authorization": f"Bearer {secret}"})

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        """Get a path below /api/v1/, or an address that the API gave."""
        return self._client.get(_address(path), query or {}, headers=headers)

    def post(self, path: str, body: Any) -> Any:
        """Send JSON; a text is sent as it is."""
        text = body if isinstance(body, str) else json.dumps(body)
        return self._client.post(_address(path), text, content_type="application/json")

    def borrow(self, campaign: Any, wanted: int = 1) -> list[dict[str, Any]]:
        """Return the pairs that are lent."""
        answer = self.post(f"campaigns/{campaign.pk}/next", {"wanted": wanted})
        assert answer.status_code == 200, answer.content
        pairs: list[dict[str, Any]] = answer.json()["pairs"]
        return pairs

    def grade(self, token: str, grade: str = "good", **changed: Any) -> Any:
        """Grade a pair after hearing enough of it."""
        return self.post("grades", grade_of(token, grade, **changed))


def grade_of(token: str, grade: str = "good", **changed: Any) -> dict[str, Any]:
    """Return the body of a grade."""
    given = {"id": str(uuid4()), "lease": token, "grade": grade, "faults": []}
    return given | {"listened_s": 5.0, "heard_to_end": False, "took_s": 4.2} | changed


def code_of(answer: Any) -> tuple[int, str]:
    """Return status and code of a refusal."""
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def _address(path: str) -> str:
    return path if path.startswith("http") else f"/api/v1/{path}"

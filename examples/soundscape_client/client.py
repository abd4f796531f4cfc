"""The client."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Callable

from soundscape_client import folders
from soundscape_client.errors import SoundscapeError
from soundscape_client.records import Clip, Match, Scene
from soundscape_client.transport import Answer, Transport, form

_POLL_S = 1.0


class Client:
    """A client of one site, with one key. Threads may share it.

    Parameters
    ----------
    base_url
        The site's address, such as ``https://sounds.example``.
    key
        A key from the page "API keys".
    timeout_s
        How long one answer may take.
    patience_s
        How long a request is repeated while the site is busy.
    on_wait
        Called before each pause, with a sentence that says what is waited for.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        timeout_s: float = 60.0,
        patience_s: float = 300.0,
        sleep: Callable[[float], None] = time.sleep,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        self._sleep = sleep
        self._on_wait = on_wait
        self._transport = Transport(
            base_url,
            key,
            timeout_s=timeout_s,
            patience_s=patience_s,
            sleep=sleep,
            on_wait=on_wait,
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call any operation, such as ``request("GET", "/models")``."""
        sent = dict(headers or {})
        body = None
        if json_body is not None:
            body, sent["Content-Type"] = json.dumps(json_body).encode(), "application/json"
        return self._transport.request(method, path, query=query, body=body, headers=sent)

    # Photos

    def upload(
        self,
        path: str | Path,
        *,
        title: str | None = None,
        only: Mapping[str, Any] | None = None,
        wait_s: int = 0,
    ) -> Scene:
        """Send a photo; return its scene, with matches if the result came within `wait_s`.

        The same photo, sent again within a day, is kept once, unless it was deleted since.
        `only` restricts what is searched: ``{"commercial_use": True, "min_duration_s": 15}``.
        """
        file = Path(path)
        content = file.read_bytes()
        fields = {} if title is None else {"title": title}
        if only:
            fields["filter"] = json.dumps(only, sort_keys=True)
        body, media_type = form(fields, {"photo": (file.name, content)})
        headers = {"Content-Type": media_type}
        if wait_s:
            headers["Prefer"] = f"wait={wait_s}"

        def send(key: str) -> Scene:
            named = {**headers, "Idempotency-Key": key}
            answer = self._transport.request("POST", "/scenes", body=body, headers=named)
            return Scene.from_json(answer.json())

        try:
            return send(_key_of(content, fields))
        except SoundscapeError as error:
            if error.status != 410:
                raise
        return send(uuid.uuid4().hex)  # the photo of the first key was deleted

    def upload_folder(
        self,
        folder: str | Path,
        *,
        parallel: int = 2,
        on_progress: Callable[[folders.Outcome], None] | None = None,
    ) -> list[folders.Outcome]:
        """Send all photos of a folder and wait for their results; a refused one stops no other.

        Run again after a fault, it sends nothing twice and fetches what is there.
        """
        return folders.upload_folder(self, Path(folder), parallel, on_progress)

    def scene(self, scene_id: str) -> Scene:
        """Return a photo of yours with its matches."""
        return Scene.from_json(self.request("GET", f"/scenes/{scene_id}").json())

    def wait(self, scene_id: str, *, timeout_s: float = 600.0) -> Scene:
        """Wait for a photo's result.

        Raises
        ------
        TimeoutError
            There is none after `timeout_s`.
        """
        waited_s = 0.0
        while True:
            answer = self.request("GET", f"/scenes/{scene_id}")
            scene = Scene.from_json(answer.json())
            if scene.is_finished:
                return scene
            given = answer.headers.get("Retry-After", "")
            wait_s = float(given) if given.isdigit() and int(given) else _POLL_S
            if waited_s + wait_s > timeout_s:
                raise TimeoutError(f"{scene_id} is still {scene.state} after {waited_s:.0f} s")
            if self._on_wait is not None:
                self._on_wait(f"photo {scene_id} is {scene.state}")
            self._sleep(wait_s)
            waited_s += wait_s

    def rematch(self, scene_id: str, *, only: Mapping[str, Any] | None = None) -> Scene:
        """Match a photo again with the newest library, or with `only` a part of it.

        The photo may come with its old result: `wait` waits for the new one.
        """
        path = f"/scenes/{scene_id}/rematch"
        body = {"filter": dict(only)} if only else {}
        return Scene.from_json(self.request("POST", path, json_body=body).json())

    def scenes(self, **wanted: Any) -> Iterator[Scene]:
        """Yield your photos, the newest first."""
        return map(Scene.from_json, self._pages("/scenes", wanted))

    def matches(self, scene_id: str) -> tuple[Match, ...]:
        """Return the recordings that fit a photo, the best first."""
        return self.scene(scene_id).matches

    def delete_scene(self, scene_id: str) -> None:
        """Delete a photo of yours; one that is gone already is no error."""
        try:
            self.request("DELETE", f"/scenes/{scene_id}")
        except SoundscapeError as error:
            if error.status != 410:
                raise

    # Recordings

    def clips(self, **wanted: Any) -> Iterator[Clip]:
        """Yield recordings: ``clips(q="rain", commercial_use=True)``."""
        return map(Clip.from_json, self._pages("/clips", wanted))

    def clip(self, clip_id: int) -> Clip:
        """Return a recording."""
        return Clip.from_json(self.request("GET", f"/clips/{clip_id}").json())

    def download_audio(self, clip_id: int, path: str | Path) -> Path:
        """Write a recording into a file; return its path."""
        target = Path(path)
        target.write_bytes(self.request("GET", f"/clips/{clip_id}/audio").body)
        return target

    def _pages(self, path: str, wanted: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        page = self.request("GET", path, query=wanted).json()
        while True:
            yield from page["results"]
            if page["next"] is None:
                return
            page = self.request("GET", page["next"]).json()


def _key_of(content: bytes, fields: Mapping[str, str]) -> str:
    """Return an idempotency key that is the same for the same photo and fields."""
    digest = hashlib.sha256(content)
    digest.update(json.dumps(fields, sort_keys=True).encode())
    return digest.hexdigest()

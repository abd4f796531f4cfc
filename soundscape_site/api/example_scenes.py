"""Examples of photos: one that waits, one with its result, and what becomes of a batch."""

from __future__ import annotations

from typing import Any, Final

SITE: Final = "https://sounds.example"
"""The site of the examples; the readable page puts its own address in its place."""
SCENE: Final = "0b1f3c52-5a60-4ab0-9a3e-1c86f3a9f0de"
_API: Final = f"{SITE}/api/v1"

_SUMMARY: Final[dict[str, Any]] = {
    "id": SCENE,
    "title": "The meadow behind the house",
    "state": "done",
    "created_at": "2026-05-04T09:30:00.120000Z",
    "finished_at": "2026-05-04T09:30:01.870000Z",
    "visibility": "unlisted",
    "judging_allowed": False,
    "width_px": 4032,
    "height_px": 3024,
    "url": f"{_API}/scenes/{SCENE}",
    "page_url": f"{SITE}/scenes/{SCENE}/",
    "photo_url": f"{_API}/scenes/{SCENE}/photo",
    "failure": None,
}
_WAITING: Final = {"state": "queued", "finished_at": None}
_BIRD: Final = {"key": "/m/015p6", "name": "Bird"}
_RUN: Final[dict[str, Any]] = {
    "matcher": "fused",
    "version": 3,
    "models": {
        "heard": {"image": "image-network-1+sounds-1", "audio": "audio-network-1+mean"},
        "objects": {"image": "image-network-1", "audio": "audio-network-1+mean"},
    },
    "bank": "bank-1",
    "snapshot": 12,
    "filter": {},
    "library_size": 1840,
    "search_ms": 3.1,
}
_MATCH: Final[dict[str, Any]] = {
    "rank": 1,
    "strength": "fair",
    "score": 2.71,
    "divergence_nats": {"heard": 1.42, "objects": 3.07},
    "clip": {
        "id": 7,
        "title": "Blackbird at the edge of a wood",
        "author": "Ada Example",
        "license": "CC-BY-4.0",
        "license_url": "https://creativecommons.org/licenses/by/4.0/",
        "source_url": "https://recordings.example.org/blackbird",
        "duration_s": 62.4,
        "credit_line": "“Blackbird at the edge of a wood” by Ada Example, CC BY 4.0",
        "audio_url": f"{_API}/clips/7/audio",
        "player_url": f"{SITE}/clips/7/9f86d081884c7d65/audio",
    },
    "takes": [8],
    "explanations": [
        {
            "space": "heard",
            "terms": [
                {
                    **_BIRD,
                    "scene_share": 0.31,
                    "clip_share": 0.44,
                    "advantage_nats": 0.52,
                    "divergence_nats": -0.11,
                }
            ],
            "rest_nats": 0.2,
            "total_nats": 0.72,
        }
    ],
    "withdrawn": False,
}
_DONE: Final[dict[str, Any]] = {
    **_SUMMARY,
    "matchers": ["fused"],
    "profile": [{"space": "heard", "classes": [{**_BIRD, "share": 0.31}]}],
    "matches": [_MATCH],
    "run": _RUN,
    "rematch": None,
}
_QUEUED: Final[dict[str, Any]] = {
    **_SUMMARY, **_WAITING, "matchers": [], "profile": [], "matches": [], "run": None,
    "rematch": None,
}  # fmt: skip
_REMATCHED: Final[dict[str, Any]] = {
    **_DONE,
    "rematch": {
        "matcher": "fused",
        "filter": {"commercial_use": True, "min_duration_s": 15.0},
        "state": "queued",
        "created_at": "2026-06-01T08:00:00.500000Z",
        "finished_at": None,
        "failure": None,
    },
}
_BATCH: Final[dict[str, Any]] = {
    "results": [
        {
            "status": 202,
            "scene": {**_SUMMARY, **_WAITING, "title": ""},
            "problem": None,
            "retry_after_s": None,
        },
        {
            "status": 429,
            "scene": None,
            "problem": {
                "type": "/api/v1/docs#rate_limited",
                "title": "One after the other, please",
                "status": 429,
                "code": "rate_limited",
                "detail": "You send photos faster than we take them. Try again in 12 s.",
                "request_id": "01f6c2c8a7f94f0e",
            },
            "retry_after_s": 12,
        },
    ]
}

COMPONENTS: Final[dict[str, Any]] = {"Scene": _DONE, "SceneSummary": _SUMMARY, "Batch": _BATCH}
"""By the name of the component."""

ANSWERS: Final[dict[tuple[str, str], Any]] = {
    ("scenes_create", "202"): _QUEUED,
    ("scene_rematch", "202"): _REMATCHED,
}
"""By operation and status, where the state differs from that of the component's example."""

"""Photos, and how they are uploaded and matched."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from retrieval.services.scenes import find_sounds


def photo(*, bright_strip=2, form="PNG", **options):
    pixels = np.full((224, 224, 3), 10, dtype=np.uint8)
    pixels[32 * bright_strip : 32 * (bright_strip + 1)] = 250
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form, **options)
    stream.seek(0)
    stream.name = f"photo.{form.lower()}"
    return stream


def upload(site, *files, **headers):
    return site.post("/scenes/", {"photo": list(files)}, headers=headers)


def refusal(answer):
    return answer.context["upload_error"]


def run_tasks(wake_ups, finder):
    while wake_ups:
        find_sounds(scene_id=wake_ups.pop(), finder=finder, worker="w")

"""Small valid files of every accepted format, for the fuzzer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from retrieval.tests.bad_inputs import heif, photos
from retrieval.tests.engine.toy_photos import encoded, gradient
from retrieval.tests.engine.toy_sounds import noise, written, written_by_ffmpeg

_SOUND_S = 0.6


def photo_seeds() -> dict[str, bytes]:
    """Return photos by name."""
    picture = gradient(160, 120)
    grain = Image.fromarray(np.random.default_rng(1).integers(0, 255, (90, 120, 3), dtype=np.uint8))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    frames: dict[str, Any] = {"save_all": True, "append_images": [picture, picture]}
    return {
        "baseline.jpg": encoded(grain, "JPEG", quality=80),
        "progressive.jpg": encoded(grain, "JPEG", progressive=True, quality=60),
        "cmyk.jpg": encoded(picture.convert("CMYK"), "JPEG"),
        "grey.jpg": encoded(picture.convert("L"), "JPEG"),
        "located.jpg": photos.located(),
        "profiled.jpg": encoded(picture, "JPEG", icc_profile=profile),
        "plain.png": encoded(grain, "PNG"),
        "palette.png": encoded(picture.convert("P"), "PNG"),
        "alpha.png": encoded(picture.convert("RGBA"), "PNG"),
        "deep.png": photos.deep_grey(),
        "animated.png": encoded(picture, "PNG", **frames),
        "lossy.webp": encoded(grain, "WEBP", quality=70),
        "lossless.webp": encoded(picture, "WEBP", lossless=True),
        "animated.webp": encoded(picture, "WEBP", **frames),
        "still.heic": heif.still(),
        "grid.heic": heif.odd_grid(rows=2, columns=2, tiles=4),
        "grain.heic": encoded(grain, "HEIF", quality=60),
    }


def recording_seeds(folder: Path) -> dict[str, bytes]:
    """Return recordings by name; `folder` is for a temporary file."""
    sound, path = noise(_SOUND_S, rate_hz=48_000, channels=2), folder / "seed"
    found: dict[str, bytes] = {}
    for name, kind, subtype in (
        ("pcm.wav", "WAV", "PCM_16"),
        ("float.wav", "WAV", "FLOAT"),
        ("adpcm.wav", "WAV", "IMA_ADPCM"),
        ("ms-adpcm.wav", "WAV", "MS_ADPCM"),
        ("rf64.wav", "RF64", "PCM_16"),
        ("w64.w64", "W64", "PCM_16"),
        ("aiff.aiff", "AIFF", "PCM_16"),
        ("au.au", "AU", "PCM_16"),
        ("alac.caf", "CAF", "ALAC_16"),
        ("flac.flac", "FLAC", "PCM_16"),
        ("vorbis.ogg", "OGG", "VORBIS"),
        ("opus.ogg", "OGG", "OPUS"),
        ("mp3.mp3", "MP3", "MPEG_LAYER_III"),
    ):
        written(path, sound, 48_000, file_format=kind, subtype=subtype)
        found[name] = path.read_bytes()
    for name, kind, codec in (
        ("aac.m4a", "ipod", "aac"),
        ("alac.m4a", "ipod", "alac"),
        ("adts.aac", "adts", "aac"),
        ("opus.webm", "webm", "libopus"),
        ("pcm.mka", "matroska", "pcm_s16le"),
        ("wma.wma", "asf", "wmav2"),
    ):
        written_by_ffmpeg(path, sound, 48_000, file_format=kind, codec=codec)
        found[name] = path.read_bytes()
    path.unlink()
    return found

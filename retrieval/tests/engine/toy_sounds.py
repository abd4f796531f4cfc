"""Generated recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


def sine(
    duration_s: float = 2.0,
    *,
    rate_hz: int = 44_100,
    channels: int = 1,
    frequency_hz: float = 440.0,
    amplitude: float = 0.5,
) -> NDArray[np.float32]:
    """Return the same tone in every channel, float32 [frames, channels]."""
    phase = 2 * np.pi * frequency_hz * np.arange(round(duration_s * rate_hz)) / rate_hz
    return np.repeat(
        (amplitude * np.sin(phase)).astype(np.float32)[:, np.newaxis], channels, axis=1
    )


def noise(
    duration_s: float = 2.0, *, rate_hz: int = 44_100, channels: int = 1, level: float = 0.1
) -> NDArray[np.float32]:
    rng = np.random.default_rng(7)
    frames = round(duration_s * rate_hz)
    return (level * rng.standard_normal((frames, channels))).astype(np.float32)


def written(
    path: Path,
    samples: NDArray[np.float32],
    rate_hz: int = 44_100,
    *,
    file_format: str = "WAV",
    subtype: str | None = "FLOAT",
) -> Path:
    """Write with libsndfile."""
    soundfile.write(path, samples, rate_hz, format=file_format, subtype=subtype)
    return path


def written_by_ffmpeg(
    path: Path,
    samples: NDArray[np.float32],
    rate_hz: int = 44_100,
    *,
    file_format: str,
    codec: str,
    pictures: int = 0,
    picture_codec: str = "mpeg4",
) -> Path:
    """Write with FFmpeg, with a video stream of so many grey pictures."""
    layout = LAYOUTS[samples.shape[1]]
    with av.open(str(path), "w", format=file_format) as container:
        sound: Any = container.add_stream(codec, rate=rate_hz, layout=layout)
        sound.bit_rate = 128_000
        film: Any = container.add_stream(picture_codec, rate=10) if pictures else None
        if film is not None:
            film.width = film.height = 32
            film.pix_fmt = "yuvj420p" if picture_codec == "mjpeg" else "yuv420p"
            for _ in range(pictures):
                frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 99, np.uint8), "rgb24")
                container.mux(film.encode(frame))
            container.mux(film.encode(None))
        whole = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples).reshape(1, -1), format="flt", layout=layout
        )
        whole.sample_rate = rate_hz
        container.mux(sound.encode(whole))
        container.mux(sound.encode(None))
    return path

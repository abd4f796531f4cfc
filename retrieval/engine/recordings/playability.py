"""The formats that every current browser plays."""

from __future__ import annotations

from retrieval.engine.recordings.headers import Container

# Chrome, Firefox and Safari of the last two years play these. Omitted because only some play
# them: WAV of more than 16 bits, FLAC in Ogg, ALAC (Safari only) and ADTS AAC, which has no seek
# index. Opus and Vorbis in Ogg need Safari 18.4 (March 2025).
_EVERYWHERE = frozenset(
    {
        (Container.WAV, "pcm_u8"),
        (Container.WAV, "pcm_16"),
        (Container.FLAC, "flac"),
        (Container.MP3, "mp3"),
        (Container.OGG, "vorbis"),
        (Container.OGG, "opus"),
        (Container.MP4, "aac"),
        (Container.WEBM, "opus"),
        (Container.WEBM, "vorbis"),
    }
)
_MOST_CHANNELS = 2
_LOWEST_RATE_HZ = 8_000
_HIGHEST_RATE_HZ = 48_000  # higher rates are inaudible and double the download


def browsers_play(container: Container, codec: str, *, channels: int, sample_rate_hz: int) -> bool:
    """Return whether Chrome, Firefox and Safari play a recording and can seek in it.

    `codec` is named as in :class:`~retrieval.engine.recordings.decoders.AudioSource`.
    """
    return (
        (container, codec) in _EVERYWHERE
        and channels <= _MOST_CHANNELS
        and _LOWEST_RATE_HZ <= sample_rate_hz <= _HIGHEST_RATE_HZ
    )

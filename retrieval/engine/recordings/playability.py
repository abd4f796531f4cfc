"""Which recordings every current browser plays as they are."""

from __future__ import annotations

from retrieval.engine.recordings.headers import Container

# Chrome, Firefox and Safari of the last two years agree on these. Left out although one or
# another plays them: WAV beyond 16 bits, FLAC in Ogg, ALAC (Safari only) and bare AAC, in
# which nobody can seek. Opus and Vorbis in Ogg need Safari 18.4 (March 2025).
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
_HIGHEST_RATE_HZ = 48_000  # beyond it a listener gains nothing and a phone loads twice as much

_MEDIA_TYPES = {
    Container.WAV: "audio/wav",
    Container.RF64: "audio/wav",
    Container.W64: "audio/x-w64",
    Container.AIFF: "audio/aiff",
    Container.AU: "audio/basic",
    Container.CAF: "audio/x-caf",
    Container.FLAC: "audio/flac",
    Container.OGG: "audio/ogg",
    Container.MP3: "audio/mpeg",
    Container.ADTS: "audio/aac",
    Container.MP4: "audio/mp4",
    Container.WEBM: "audio/webm",
    Container.MATROSKA: "audio/x-matroska",
    Container.ASF: "audio/x-ms-wma",
}


def browsers_play(container: Container, codec: str, *, channels: int, sample_rate_hz: int) -> bool:
    """Tell whether a recording can be served as it is, or needs a preview.

    Parameters
    ----------
    container : Container
        File format.
    codec : str
        As an :class:`~retrieval.engine.recordings.sources.AudioSource` names it.
    channels, sample_rate_hz : int
        Of the recording.

    Returns
    -------
    bool
        True where Chrome, Firefox and Safari all play it and can seek in it.
    """
    return (
        (container, codec) in _EVERYWHERE
        and channels <= _MOST_CHANNELS
        and _LOWEST_RATE_HZ <= sample_rate_hz <= _HIGHEST_RATE_HZ
    )


def media_type(container: Container) -> str:
    """Name the type under which a recording is served.

    Parameters
    ----------
    container : Container
        File format.

    Returns
    -------
    str
        A MIME type, ``audio/...``.
    """
    return _MEDIA_TYPES[container]

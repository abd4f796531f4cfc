from __future__ import annotations

import pytest

from retrieval.engine.recordings.headers import Container
from retrieval.engine.recordings.playability import browsers_play


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        (Container.WAV, "pcm_16"),
        (Container.FLAC, "flac"),
        (Container.MP3, "mp3"),
        (Container.OGG, "vorbis"),
        (Container.OGG, "opus"),
        (Container.MP4, "aac"),
        (Container.WEBM, "opus"),
    ],
)
def test_formats_that_every_browser_plays(container, codec):
    assert browsers_play(container, codec, channels=2, sample_rate_hz=48_000)
    assert not browsers_play(container, codec, channels=8, sample_rate_hz=48_000)
    assert not browsers_play(container, codec, channels=2, sample_rate_hz=192_000)


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        (Container.AIFF, "pcm_16"),
        (Container.AU, "pcm_16"),
        (Container.WAV, "pcm_24"),
        (Container.WAV, "float"),
        (Container.WAV, "mp3"),
        (Container.MP4, "alac"),
        (Container.ADTS, "aac"),
        (Container.ASF, "wmav2"),
        (Container.CAF, "alac_16"),
        (Container.MATROSKA, "opus"),
    ],
)
def test_formats_that_need_a_preview(container, codec):
    assert not browsers_play(container, codec, channels=2, sample_rate_hz=44_100)


def test_every_container_has_a_media_type():
    assert all(container.media_type.startswith("audio/") for container in Container)

from __future__ import annotations

import pytest

from retrieval.decoding import web_pool
from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool


def test_settings_reach_the_decoder(settings):
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 1_500_000
    settings.SOUNDSCAPE_MAX_PHOTO_PIXELS = 12_300_000
    limits = decoding_limits().photo
    assert (limits.max_bytes, limits.max_pixels) == (1_500_000, 12_300_000)
    assert (limits.max_megabytes, limits.max_megapixels) == ("1.5", "12.3")


@pytest.mark.parametrize(("threads", "waiting"), [(16, 6), (4, 1)])
def test_photos_keep_at_most_half_of_the_servers_threads(settings, monkeypatch, threads, waiting):
    made = []

    class Pool(DecodingPool):
        def __init__(self, *, limits, processes):
            super().__init__(limits=limits, processes=processes)
            made.append((processes, limits.most_waiting))

        def warm(self):
            """Start no process."""

    settings.SOUNDSCAPE_WEB_THREADS = threads
    monkeypatch.setattr(web_pool, "DecodingPool", Pool)
    monkeypatch.setattr(web_pool, "_pool", None)
    web_pool.photo_pool()
    web_pool.close_photo_pool()
    assert made == [(2, waiting)]

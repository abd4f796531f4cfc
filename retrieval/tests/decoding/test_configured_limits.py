from __future__ import annotations

from retrieval.decoding.configured_limits import decoding_limits


def test_settings_reach_the_decoder(settings):
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 1_500_000
    settings.SOUNDSCAPE_MAX_PHOTO_PIXELS = 12_300_000
    limits = decoding_limits().photo
    assert (limits.max_bytes, limits.max_pixels) == (1_500_000, 12_300_000)
    assert (limits.max_megabytes, limits.max_megapixels) == ("1.5", "12.3")

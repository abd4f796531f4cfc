from __future__ import annotations

from retrieval.decoding.configured_limits import decoding_limits, photo_limits
from retrieval.decoding.limits import DecodingLimits
from retrieval.engine.photos.limits import PhotoLimits


def test_defaults_of_settings_and_engine_are_equal():
    assert photo_limits() == PhotoLimits()
    assert decoding_limits() == DecodingLimits()


def test_settings_reach_the_decoder(settings):
    settings.SOUNDSCAPE_MAX_PHOTO_BYTES = 1_500_000
    settings.SOUNDSCAPE_MAX_PHOTO_PIXELS = 12_300_000
    limits = decoding_limits().photo
    assert (limits.max_bytes, limits.max_pixels) == (1_500_000, 12_300_000)
    assert (limits.max_megabytes, limits.max_megapixels) == ("1.5", "12.3")

"""Serving recordings and sample photos."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from PIL import Image

from retrieval.catalogue.sample_photos import sample_photos
from retrieval.decoding import web_pool
from retrieval.engine.errors import ImageDecodeError
from retrieval.services import samples
from retrieval.services.library import advance_snapshot
from retrieval.templatetags.players import audio_url, download_url
from retrieval.views import media

CONTENT = bytes(range(256)) * 10


@pytest.fixture(scope="module", autouse=True)
def close_pool():
    yield
    web_pool.close_photo_pool()


@pytest.fixture
def clip(make_clip, media_root):
    name = default_storage.save("recordings/1.ogg", ContentFile(CONTENT))
    return make_clip(np.full(7, 1 / 7), original=name, title="Sea")


def test_a_recording_may_be_cached_only_by_the_browser(client, clip):
    answer = client.get(audio_url(clip))
    assert (answer.status_code, b"".join(answer.streaming_content)) == (200, CONTENT)
    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    assert not answer.has_header("Vary")  # one copy for every language and visitor
    assert answer["Content-Type"] == "audio/ogg"
    assert "Content-Disposition" not in answer
    download = client.get(download_url(clip))
    assert download["Content-Disposition"] == 'attachment; filename="Sea.ogg"'


def test_another_file_has_another_address_and_the_old_one_is_404(client, clip):
    before = audio_url(clip)
    clip.preview = default_storage.save("previews/1.mp3", ContentFile(b"shorter"))
    clip.save()
    after = audio_url(clip)
    assert before != after
    assert client.get(before).status_code == 404
    assert b"".join(client.get(after).streaming_content) == b"shorter"


def test_a_withdrawn_recording_is_not_sent(client, clip):
    url = audio_url(clip)
    clip.removed_in = advance_snapshot()
    clip.save()
    assert client.get(url).status_code == 404
    assert client.get(f"{url}?download=1").status_code == 404


def test_an_open_range_is_limited_for_players_but_not_for_downloads(client, clip, monkeypatch):
    monkeypatch.setattr(media, "_AUDIO_PIECE_BYTES", 100)
    url = audio_url(clip)
    for place, length in [(url, "100"), (f"{url}?download=1", str(len(CONTENT) - 1000))]:
        answer = client.get(place, headers={"Range": "bytes=1000-"})
        assert (answer.status_code, answer["Content-Length"]) == (206, length)


def test_a_recording_without_its_file_is_404(client, clip):
    default_storage.delete(clip.played_name)
    assert client.get(audio_url(clip)).status_code == 404


def test_versions_are_short_and_alphanumeric(clip):
    assert len(clip.played_version) == 12
    assert clip.played_version.isalnum()


@pytest.fixture
def folder(settings, tmp_path, media_root):
    samples._cached_image.cache_clear()
    settings.SOUNDSCAPE_SAMPLE_PHOTOS = tmp_path / "samples"
    settings.SOUNDSCAPE_SAMPLE_PHOTOS.mkdir()
    return settings.SOUNDSCAPE_SAMPLE_PHOTOS


@pytest.fixture
def decoded(monkeypatch):
    """The paths that were decoded."""
    paths = []
    pool = web_pool.photo_pool()

    def decode_photo(path, **options):
        paths.append(path)
        return pool.decode_photo(path, **options)

    monkeypatch.setattr(samples, "photo_pool", lambda: SimpleNamespace(decode_photo=decode_photo))
    return paths


def photo(colour="white"):
    stream = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(stream, "PNG")
    return stream.getvalue()


def photo_url(folder):
    (sample,) = sample_photos(folder)
    return reverse("retrieval:sample_photo", args=[sample.slug])


def get_photo(client, folder, **headers):
    return client.get(photo_url(folder), headers=headers)


def test_a_sample_is_decoded_once_and_revalidated_by_its_etag(client, folder, decoded):
    (folder / "my photo.JPG").write_bytes(photo())
    first = get_photo(client, folder)
    assert (first.status_code, first["Content-Type"]) == (200, "image/jpeg")
    assert first["X-Content-Type-Options"] == "nosniff"
    assert first["Content-Security-Policy"].startswith("sandbox")
    assert Image.open(io.BytesIO(b"".join(first.streaming_content))).size == (40, 30)
    assert get_photo(client, folder, **{"If-None-Match": first["ETag"]}).status_code == 304
    samples._cached_image.cache_clear()  # like a new process
    assert get_photo(client, folder).status_code == 200
    assert len(decoded) == 1


def test_a_sample_has_the_size_of_its_tile(client, folder):
    Image.new("RGB", (1200, 800)).save(folder / "pier.png")
    answer = get_photo(client, folder)
    assert Image.open(io.BytesIO(b"".join(answer.streaming_content))).size == (416, 277)


def test_a_sample_keeps_its_name(client, folder, make_clip):
    make_clip(np.full(7, 1 / 7))
    (folder / "Rain_in_NYC.png").write_bytes(photo())
    (sample,) = sample_photos(folder)
    assert sample.name == "Rain in NYC"


def test_a_sample_is_decoded_again_if_it_changed_or_its_copy_is_lost(client, folder, decoded):
    (folder / "pier.png").write_bytes(photo("white"))
    first = get_photo(client, folder)
    (folder / "pier.png").write_bytes(photo("black") + b"tail")
    assert get_photo(client, folder)["ETag"] != first["ETag"]
    (sample,) = sample_photos(folder)
    kept = samples.sample_image(sample=sample)
    assert kept is not None
    default_storage.delete(kept)
    assert get_photo(client, folder).status_code == 200
    assert len(decoded) == 3


@pytest.mark.django_db
def test_a_broken_sample_is_404_and_logged_once(folder, decoded, caplog):
    (folder / "broken.jpg").write_bytes(b"words")
    client = Client()
    assert [get_photo(client, folder).status_code for _ in range(3)] == [404] * 3
    assert len(decoded) == 1
    assert "broken.jpg is not shown: not a JPEG" in caplog.text
    assert client.get("/").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["my photo.jpg", "a.b.jpg", "Küste.JPG"])
def test_the_front_page_copes_with_any_sample_name(client, folder, make_clip, name):
    make_clip(np.full(7, 1 / 7))
    (folder / name).write_bytes(photo())
    assert photo_url(folder) in client.get("/").content.decode()


def test_a_busy_decoder_makes_a_sample_unavailable_for_now(client, folder, monkeypatch):
    (folder / "pier.png").write_bytes(photo())

    def busy(_, **__):
        raise ImageDecodeError("no decoder was free", code="decoder_busy")

    with monkeypatch.context() as patch:
        patch.setattr(samples, "photo_pool", lambda: SimpleNamespace(decode_photo=busy))
        answer = get_photo(client, folder)
        assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert get_photo(client, folder).status_code == 200

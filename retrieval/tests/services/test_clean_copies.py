"""Clean copies of recordings that an older version imported."""

from __future__ import annotations

import errno
import logging
from concurrent.futures import Future

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, default_storage
from django.core.management import CommandError, call_command

from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import DecodeError
from retrieval.management.commands import clean_recordings
from retrieval.models import Clip
from retrieval.services.clips import RECORDINGS_FOLDER
from retrieval.services.library import advance_snapshot
from retrieval.storage.content_store import keep_bytes, sha256_of_bytes
from retrieval.templatetags.players import audio_url
from retrieval.tests.bad_inputs.photos import SCRIPT
from retrieval.tests.bad_inputs.recordings import with_tags

pytestmark = pytest.mark.django_db


@pytest.fixture
def old_clip(make_clip, media_root, tmp_path, settings):
    settings.SOUNDSCAPE_SCRATCH_DIRECTORY = tmp_path / "scratch"

    def old_clip(content=None, **fields):
        if content is None:
            with_tags(tmp_path / "x", b"%s%d" % (SCRIPT, Clip.objects.count()))
            content = (tmp_path / "x").read_bytes()
        sha256 = sha256_of_bytes(content)
        name = keep_bytes(content, folder=RECORDINGS_FOLDER, sha256=sha256, suffix=".mp3")
        return make_clip(
            np.full(7, 1 / 7), original=name, sha256=sha256, media_type="audio/mpeg", **fields
        )

    return old_clip


def served(client, clip):
    return b"".join(client.get(audio_url(clip)).streaming_content)


def test_a_copy_without_tags_is_made(old_clip, client, capsys, settings):
    clip = old_clip()
    assert SCRIPT in served(client, clip)
    call_command("clean_recordings")
    assert capsys.readouterr().out == "Copies without tags made: 1.\n"
    clip.refresh_from_db()
    content = served(client, clip)
    assert clip.preview.name.endswith(f"{sha256_of_bytes(content)}.mp3")  # named by its content
    assert SCRIPT not in content
    assert not any(settings.SOUNDSCAPE_SCRATCH_DIRECTORY.iterdir())
    call_command("clean_recordings")
    assert capsys.readouterr().out == "Copies without tags made: 0.\n"


def test_an_unreadable_recording_does_not_affect_others(old_clip, client, caplog):
    caplog.set_level(logging.ERROR)
    broken, gone, good = old_clip(b"no sound"), old_clip(), old_clip()
    default_storage.delete(str(gone.original.name))
    with pytest.raises(CommandError, match=rf"\[{broken.pk}, {gone.pk}\]"):
        call_command("clean_recordings")
    assert Clip.objects.exclude(preview="").get() == good
    assert f"clip {broken.pk} has no clean copy, its original is served" in caplog.text


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), r"No space .*\[storage_full\]"),
        (
            DecodeError("no decoder could be started", code="decoder_unavailable"),
            r"no decoder could be started \[decoder_unavailable\]",
        ),
    ],
    ids=["disk", "decoder"],
)
def test_an_unavailable_disk_or_decoder_ends_the_command(
    old_clip, monkeypatch, caplog, fault, said
):
    caplog.set_level(logging.ERROR)
    clips = [old_clip(), old_clip()]
    tried = []

    def faulty(self, path, **options):
        tried.append(path)
        future: Future[None] = Future()
        future.set_exception(fault)
        return future

    with monkeypatch.context() as broken:
        broken.setattr(DecodingPool, "submit_recording", faulty)
        with pytest.raises(CommandError, match=said + r"\. .*run the same command again"):
            call_command("clean_recordings")
    assert len(tried) == 1
    assert caplog.text == ""
    call_command("clean_recordings")
    assert Clip.objects.exclude(preview="").count() == len(clips)


def test_a_bug_of_the_decoder_affects_only_its_recording(old_clip, monkeypatch, caplog):
    bad, good = old_clip(), old_clip()
    submit = DecodingPool.submit_recording

    def faulty(self, path, **options):
        if path.name != bad.original.path.rpartition("/")[2]:
            return submit(self, path, **options)
        future: Future[None] = Future()
        future.set_exception(RuntimeError("a fault\nwith a traceback"))
        return future

    monkeypatch.setattr(DecodingPool, "submit_recording", faulty)
    with pytest.raises(CommandError, match=rf"\[{bad.pk}\]"):
        call_command("clean_recordings")
    assert Clip.objects.exclude(preview="").get() == good
    assert f"clip {bad.pk} has no clean copy, its original is served: a fault" in caplog.text


def test_a_full_scratch_disk_is_reported(old_clip, monkeypatch):
    def no_folder(_):
        raise OSError(errno.ENOSPC, "mkdir")

    old_clip()
    monkeypatch.setattr(clean_recordings, "scratch_folder", no_folder)
    with pytest.raises(CommandError, match=r"mkdir\. .*run the same command again"):
        call_command("clean_recordings")


def test_withdrawn_recordings_get_no_copy(old_clip):
    clip = old_clip()
    Clip.objects.update(removed_in=advance_snapshot())
    call_command("clean_recordings")
    clip.refresh_from_db()
    assert not clip.preview


class ObjectStore(Storage):
    """A storage without paths, as S3."""

    def __init__(self):
        self._kept: dict[str, bytes] = {}

    def _open(self, name, mode="rb"):
        if name not in self._kept:
            raise FileNotFoundError(name)
        return ContentFile(self._kept[name], name)

    def _save(self, name, content):
        self._kept[name] = content.read()
        return name

    def exists(self, name):
        return name in self._kept

    def size(self, name):
        return len(self._kept[name])


@pytest.fixture
def object_store(settings):
    store = f"{__name__}.{ObjectStore.__name__}"
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": store}}


def test_a_recording_in_an_object_store_gets_its_copy(old_clip, object_store, capsys, settings):
    clip = old_clip()
    call_command("clean_recordings")
    clip.refresh_from_db()
    assert clip.preview.name
    with default_storage.open(clip.preview.name) as copy:
        assert SCRIPT not in copy.read()
    assert not any(settings.SOUNDSCAPE_SCRATCH_DIRECTORY.iterdir())

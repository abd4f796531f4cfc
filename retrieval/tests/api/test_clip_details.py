"""`GET /clips/{id}`, its audio, and similar recordings."""

from __future__ import annotations

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models.expressions import RawSQL

from retrieval.api import clips
from retrieval.engine.spaces.space import heard, objects
from retrieval.models import Clip, ClipProfile
from retrieval.selectors import similar_clips
from retrieval.services.clip_care import withdraw_clips
from retrieval.tests.factories import dummy_space_row

CONTENT = bytes(range(256)) * 8_000  # more than a piece for players
SIZE = len(CONTENT)


def around(position, *, size, share=0.8):
    """Return a distribution with a peak."""
    rest = np.full(size, (1 - share) / size)
    rest[position] += share
    return rest


@pytest.fixture
def clip(make_clip, media_root):
    name = default_storage.save("recordings/1.ogg", ContentFile(CONTENT))
    return make_clip(
        around(3, size=521), space=heard(), original=name, title="Sea, “calm”", author="Ana",
        license="CC-BY-SA-4.0", source_url="https://example.org/1", flags=["speech"],
        sounds=[{"key": "/m/034srq", "name": "Waves, surf", "score": 0.5}],
        sound_tags=["Waves, surf"], tags=["sea"],
    )  # fmt: skip


class TestDescription:
    def test_it_is_complete(self, reader, clip):
        found = reader.get(f"/clips/{clip.pk}").json()
        profile = found["profiles"][0]
        assert found["sounds"] == clip.sounds
        assert found["credit_line"] == (
            "“Sea, “calm”” by Ana (CC BY-SA 4.0), https://example.org/1"
        )
        assert (found["license"], found["license_name"]) == ("CC-BY-SA-4.0", "CC BY-SA 4.0")
        assert (found["loudness_lufs"], found["true_peak_dbtp"]) == (-23.0, -3.0)
        assert (found["sample_rate_hz"], found["channels"], found["byte_size"]) == (44_100, 2, 1000)
        assert (found["sha256"], found["added_in"]) == (clip.sha256, clip.added_in)
        assert (found["flags"], found["media_type"]) == (["speech"], "audio/ogg")
        assert found["links"]["audio"] == f"http://testserver/api/v1/clips/{clip.pk}/audio"
        assert (found["removed_in"], found["withdrawn_reason"]) == (None, "")
        assert (profile["space"], profile["model_version"]) == ("heard", heard().audio_model)
        best = profile["classes"][0]
        assert best["name"] == heard().vocabulary[3].name
        assert best["probability"] == pytest.approx(
            ClipProfile.objects.get().distribution.max(), rel=1e-4
        )

    def test_a_profile_of_another_model_is_left_out(self, reader, clip):
        ClipProfile.objects.update(model_version="an older one")
        assert reader.get(f"/clips/{clip.pk}").json()["profiles"] == []

    def test_it_is_read_again_only_if_it_changed(self, reader, clip):
        etag = reader.get(f"/clips/{clip.pk}")["ETag"]
        again = reader.get(f"/clips/{clip.pk}", headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
        Clip.objects.update(title="Storm")
        changed = reader.get(f"/clips/{clip.pk}", headers={"If-None-Match": etag})
        assert (changed.status_code, changed.json()["title"]) == (200, "Storm")
        ClipProfile.objects.update(model_version="another")
        third = reader.get(f"/clips/{clip.pk}", headers={"If-None-Match": changed["ETag"]})
        assert third.status_code == 200

    def test_fields(self, reader, clip):
        assert reader.get(f"/clips/{clip.pk}?fields=title,sha256").json() == {
            "title": clip.title,
            "sha256": clip.sha256,
        }

    @pytest.mark.parametrize("part", ["", "/audio", "/similar"])
    def test_a_withdrawn_one_exists_for_librarians_only(self, reader, librarian, clip, part):
        withdraw_clips(clip_ids=[clip.pk], reason="rights", actor_id=1)
        refused = reader.get(f"/clips/{clip.pk}{part}")
        unknown = reader.get(f"/clips/{clip.pk + 1}{part}")
        for answer in (refused, unknown):
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert refused.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}
        assert librarian.get(f"/clips/{clip.pk}{part}").status_code == 200

    def test_a_librarian_reads_why_it_was_withdrawn(self, librarian, clip):
        withdraw_clips(clip_ids=[clip.pk], reason="rights", actor_id=1)
        assert librarian.get(f"/clips/{clip.pk}").json()["withdrawn_reason"] == "rights"

    @pytest.mark.parametrize("number", ["0", "9" * 30, "x"])
    def test_strange_numbers(self, reader, number):
        assert reader.get(f"/clips/{number}").status_code == 404


class TestAudio:
    def fetch(self, program, clip, **headers):
        answer = program.get(f"/clips/{clip.pk}/audio", headers=headers)
        body = answer.streaming_content if answer.streaming else [answer.content]
        return answer, b"".join(body)

    def test_all_of_it(self, reader, clip):
        answer, body = self.fetch(reader, clip, Accept="audio/*")
        assert (answer.status_code, body) == (200, CONTENT)
        assert (answer["Content-Type"], answer["Accept-Ranges"]) == ("audio/ogg", "bytes")
        assert answer["Cache-Control"] == "private, no-cache"
        assert "Content-Disposition" not in answer

    def test_as_a_download(self, reader, clip):
        answer = reader.get(f"/clips/{clip.pk}/audio?download=true")
        assert answer["Content-Disposition"].startswith("attachment; filename")
        assert b"".join(answer.streaming_content) == CONTENT
        assert reader.get(f"/clips/{clip.pk}/audio?fields=id").status_code == 400

    @pytest.mark.parametrize(
        ("header", "start", "stop"),
        [
            ("bytes=0-0", 0, 1),
            ("bytes=-500", SIZE - 500, SIZE),
            ("bytes=500-", 500, SIZE),
            ("bytes=0-999999999", 0, SIZE),
        ],
    )
    def test_a_range(self, reader, clip, header, start, stop):
        answer, body = self.fetch(reader, clip, Range=header)
        assert (answer.status_code, body) == (206, CONTENT[start:stop])
        assert answer["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
        assert answer["Content-Length"] == str(stop - start)

    @pytest.mark.parametrize("header", ["bytes=999999999-", "bytes=-0"])
    def test_a_range_that_cannot_be(self, reader, clip, header):
        answer, body = self.fetch(reader, clip, Range=header)
        assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
        assert len(body) < 1_000
        assert answer["Content-Range"] == f"bytes */{SIZE}"

    @pytest.mark.parametrize(
        "header",
        ["bytes=5-2", "items=0-1", "garbage", "bytes=" + ",".join(["0-9"] * 100)],
        ids=["backwards", "unit", "garbage", "many"],
    )
    def test_a_range_that_is_ignored(self, reader, clip, header):
        answer, body = self.fetch(reader, clip, Range=header)
        assert (answer.status_code, body) == (200, CONTENT)

    def test_if_range(self, reader, clip):
        etag = self.fetch(reader, clip)[0]["ETag"]
        fresh, part = self.fetch(reader, clip, Range="bytes=0-9", **{"If-Range": etag})
        assert (fresh.status_code, part) == (206, CONTENT[:10])
        stale, whole = self.fetch(reader, clip, Range="bytes=0-9", **{"If-Range": '"other"'})
        assert (stale.status_code, whole) == (200, CONTENT)
        assert self.fetch(reader, clip, **{"If-None-Match": etag})[0].status_code == 304

    def test_head(self, reader, clip):
        answer = reader.head(f"/clips/{clip.pk}/audio", headers={"Range": "bytes=0-9"})
        assert (answer.status_code, answer["Content-Length"]) == (200, str(SIZE))

    def test_a_missing_file_and_a_disk_that_fails(self, reader, clip, monkeypatch):
        def fail(*_):
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as broken:
            broken.setattr(default_storage, "size", fail)
            answer = reader.get(f"/clips/{clip.pk}/audio")
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        assert answer["Retry-After"]
        default_storage.delete(clip.original.name)
        assert reader.get(f"/clips/{clip.pk}/audio").status_code == 404

    def test_a_key_without_the_scope_gets_no_sound(self, program, clip):
        assert program("scenes:write").get(f"/clips/{clip.pk}/audio").status_code == 403


class TestSimilar:
    @pytest.fixture
    def others(self, make_clip, clip):
        return [
            make_clip(around(3, size=521, share=share), space=heard()) for share in (0.2, 0.6, 0.7)
        ] + [make_clip(around(4, size=521), space=heard())]

    def near(self, program, clip, query=""):
        answer = program.get(f"/clips/{clip.pk}/similar{query}")
        assert answer.status_code == 200, answer.content
        return [(one["clip"]["id"], one["total_variation"]) for one in answer.json()["results"]]

    def test_the_nearest_come_first(self, reader, clip, others):
        found = self.near(reader, clip)
        assert [clip_id for clip_id, _ in found] == [others[n].pk for n in (2, 1, 0, 3)]
        mine = clip.profiles.get().distribution.astype(np.float64)
        theirs = others[3].profiles.get().distribution.astype(np.float64)
        assert found[-1][1] == pytest.approx(np.abs(mine - theirs).sum() / 2, abs=1e-6)
        assert self.near(reader, clip, "?limit=2") == found[:2]

    def test_a_search_that_the_database_stops(self, reader, clip, others, monkeypatch):
        def last_long(*_):
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL statement_timeout = 1")
            return RawSQL("(SELECT 1.0 FROM pg_sleep(9))", ())

        monkeypatch.setattr(similar_clips, "_l1_distance", last_long)
        search = transaction.atomic(similar_clips.similar_clips)  # the test's own one goes on
        monkeypatch.setattr(clips, "similar_clips", search)
        answer = reader.get(f"/clips/{clip.pk}/similar")
        assert (answer.status_code, answer.json()["code"]) == (503, "search_too_slow")
        assert int(answer["Retry-After"]) > 0

    def test_it_is_symmetric_and_zero_for_the_same_profile(self, reader, clip, make_clip):
        twin = make_clip(around(3, size=521), space=heard())
        far = make_clip(around(9, size=521), space=heard())
        assert dict(self.near(reader, clip))[twin.pk] == 0
        assert dict(self.near(reader, clip))[far.pk] == dict(self.near(reader, far))[clip.pk]

    def test_withdrawn_ones_and_those_of_another_model_are_left_out(self, reader, clip, others):
        withdraw_clips(clip_ids=[others[2].pk], reason="x", actor_id=1)
        others[1].profiles.update(model_version="an older one")
        assert [clip_id for clip_id, _ in self.near(reader, clip)] == [others[0].pk, others[3].pk]

    def test_another_space(self, reader, clip, make_clip):
        missing = reader.get(f"/clips/{clip.pk}/similar?space=objects")
        assert (missing.status_code, missing.json()["code"]) == (409, "profile_missing")
        dummy_space_row(objects())
        one, other = (make_clip(around(n, size=1000), space=objects()) for n in (1, 2))
        answer = reader.get(f"/clips/{one.pk}/similar").json()
        assert (answer["space"], answer["model_version"]) == ("objects", objects().audio_model)
        assert [found["clip"]["id"] for found in answer["results"]] == [other.pk]

    @pytest.mark.parametrize("query", ["?space=moods", "?limit=0", "?limit=51", "?page=1"])
    def test_what_is_not_known_is_refused(self, reader, clip, query):
        assert reader.get(f"/clips/{clip.pk}/similar{query}").status_code == 400

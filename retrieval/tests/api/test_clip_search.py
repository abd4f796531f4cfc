"""`GET /clips`."""

from __future__ import annotations

from urllib.parse import urlencode

import numpy as np
import pytest
from django.db import connection

from retrieval.catalogue.licences import LICENCES
from retrieval.selectors.clip_search import ClipSearch, clips_matching
from retrieval.services.clip_care import restore_clips, withdraw_clips
from retrieval.services.library import lock_library

FLAT = np.full(7, 1 / 7)


def titles(program, **parameters):
    answer = program.get(f"/clips?{urlencode(parameters)}")
    assert answer.status_code == 200, answer.content
    return [clip["title"] for clip in answer.json()["results"]]


def code(program, **parameters):
    answer = program.get(f"/clips?{urlencode(parameters)}")
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def clips(make_clip):
    """Recordings, oldest first."""
    return [
        make_clip(
            FLAT, title="Waves at night", tags=["sea", "storm night"], license="CC-BY-4.0",
            author="Ana Silva", collection="Coast", duration_s=10.0,
            sound_tags=["Waves, surf", "Wind"],
        ),
        make_clip(
            FLAT, title="Forest", tags=["birds"], license="CC-BY-NC-4.0", author="Bo",
            collection="Woods", duration_s=20.0, sound_tags=["Bird"],
        ),
        make_clip(FLAT, title="Harbour", tags=["sea"], license="unknown", duration_s=30.0),
        make_clip(FLAT, title="Rain", license="CC0-1.0", duration_s=40.0),
    ]  # fmt: skip


@pytest.mark.usefixtures("clips")
class TestFilters:
    def test_all_are_listed_newest_first(self, reader):
        assert titles(reader) == ["Rain", "Harbour", "Forest", "Waves at night"]

    @pytest.mark.parametrize(
        ("words", "found"),
        [
            ("wave", ["Waves at night"]),  # another form of the word
            ("NIGHTS", ["Waves at night"]),
            ("sea", ["Harbour", "Waves at night"]),  # a tag
            ("storm sea", ["Waves at night"]),
            ('"storm night"', ["Waves at night"]),
            ('"night storm"', []),
            ("silva", ["Waves at night"]),  # the author
            ("woods", ["Forest"]),  # the collection
            ("surf", ["Waves at night"]),  # a detected sound
            ("forest or rain", ["Rain", "Forest"]),
            ("sea -storm", ["Harbour"]),
            ("nothing", []),
            ("'); DROP TABLE", []),
            ("sea & | ! ( :*", ["Harbour", "Waves at night"]),
        ],
    )
    def test_words_are_found_in_every_text(self, reader, words, found):
        assert titles(reader, q=words) == found

    def test_licences(self, reader):
        assert titles(reader, license="CC0-1.0") == ["Rain"]
        assert titles(reader, license="CC0-1.0,CC-BY-4.0") == ["Rain", "Waves at night"]
        assert titles(reader, commercial_use="true") == ["Rain", "Waves at night"]
        assert titles(reader, commercial_use="false") == titles(reader)
        assert titles(reader, commercial_use="true", license="CC-BY-NC-4.0,CC0-1.0") == ["Rain"]

    def test_tag_sound_and_collection(self, reader):
        assert titles(reader, tag="sea") == ["Harbour", "Waves at night"]
        assert titles(reader, tag="storm") == []  # the whole tag
        assert titles(reader, sound="Waves, surf") == ["Waves at night"]
        assert titles(reader, collection="Woods") == ["Forest"]

    def test_durations(self, reader):
        assert titles(reader, min_duration_s=20, max_duration_s=30) == ["Harbour", "Forest"]
        assert titles(reader, max_duration_s=10.5) == ["Waves at night"]

    def test_filters_are_combined(self, reader):
        assert titles(reader, q="sea", max_duration_s=10) == ["Waves at night"]

    @pytest.mark.parametrize(
        ("parameters", "expected"),
        [
            ({"license": "MIT"}, "invalid_choice"),
            ({"license": "CC0-1.0,"}, "invalid_choice"),
            ({"sound": "waves"}, "invalid_choice"),
            ({"min_duration_s": "nan"}, "invalid"),
            ({"max_duration_s": "1e999"}, "invalid"),
            ({"min_duration_s": "-1"}, "min_value"),
            ({"snapshot": "x"}, "invalid"),
            ({"commercial_use": "perhaps"}, "invalid"),
            ({"ordering": "password"}, "invalid_filter"),
            ({"author__pk": "1"}, "invalid_filter"),
            ({"cursor": "abc"}, "invalid_cursor"),
            ({"q": "a\x00b"}, "invalid_characters"),
        ],
    )
    def test_what_is_not_known_is_refused(self, reader, parameters, expected):
        assert code(reader, **parameters) == (400, expected)

    def test_fields(self, reader):
        (first, *_rest) = reader.get("/clips?fields=id,title").json()["results"]
        assert set(first) == {"id", "title"}

    def test_a_summary(self, reader):
        *_others, clip = reader.get("/clips").json()["results"]
        assert clip["license_name"] == "CC BY 4.0"
        assert clip["commercial_use"] is True
        assert clip["credit_line"] == "“Waves at night” by Ana Silva (CC BY 4.0)"
        assert clip["sounds"] == ["Waves, surf", "Wind"]
        assert clip["links"]["self"] == f"http://testserver/api/v1/clips/{clip['id']}"


def test_pages_neither_skip_nor_repeat(reader, make_clip):
    first = [make_clip(FLAT) for _ in range(5)]
    answer = reader.get("/clips?page_size=2").json()
    seen = [clip["id"] for clip in answer["results"]]
    newer = make_clip(FLAT)
    withdraw_clips(clip_ids=[first[2].pk], reason="x", actor_id=1)
    while answer["next"]:
        answer = reader.get(answer["next"].removeprefix("http://testserver/api/v1")).json()
        seen += [clip["id"] for clip in answer["results"]]
    assert seen == [first[number].pk for number in (4, 3, 1, 0)]
    assert newer.pk not in seen


class TestWithdrawn:
    @pytest.fixture
    def withdrawn(self, clips):
        withdraw_clips(clip_ids=[clips[1].pk], reason="rights", actor_id=1)
        return clips[1]

    @pytest.mark.usefixtures("withdrawn")
    def test_it_is_absent(self, reader, librarian):
        for program in (reader, librarian):
            assert titles(program) == ["Rain", "Harbour", "Waves at night"]
            assert titles(program, q="forest") == []

    @pytest.mark.usefixtures("withdrawn")
    def test_librarians_may_list_it(self, reader, librarian, program):
        assert titles(librarian, withdrawn="true") == ["Forest"]
        assert titles(reader, withdrawn="false") == titles(reader)
        assert code(reader, withdrawn="true") == (403, "scope_missing")
        former = program("clips:read", "clips:write")  # no longer a librarian
        assert code(former, withdrawn="true") == (403, "role_missing")


class TestSnapshots:
    def test_the_library_as_it_was(self, clips, reader, librarian):
        gone, back = clips[0], clips[2]
        before = lock_library().snapshot
        withdraw_clips(clip_ids=[gone.pk, back.pk], reason="x", actor_id=1)
        without = lock_library().snapshot
        restore_clips(clip_ids=[back.pk], reason="x", actor_id=1)
        now = lock_library().snapshot
        assert titles(librarian, snapshot=before) == ["Rain", "Harbour", "Forest", "Waves at night"]
        assert titles(librarian, snapshot=without) == ["Rain", "Forest"]
        assert titles(librarian, snapshot=now) == ["Rain", "Harbour", "Forest"] == titles(librarian)
        assert titles(librarian, snapshot=clips[1].added_in) == ["Forest", "Waves at night"]
        assert titles(librarian, snapshot=0) == []
        # What was withdrawn since is described to librarians only.
        assert titles(reader, snapshot=before) == ["Rain", "Harbour", "Forest"]
        assert titles(reader, snapshot=without) == ["Rain", "Forest"]

    def test_the_list_of_snapshots(self, clips, program):
        withdraw_clips(clip_ids=[clips[0].pk, clips[1].pk], reason="x", actor_id=1)
        restore_clips(clip_ids=[clips[0].pk], reason="x", actor_id=1)
        anybody = program("labels:read")
        answer = anybody.get("/library/snapshots").json()
        library = lock_library()
        assert (answer["library"], answer["snapshot"]) == (str(library.uuid), library.snapshot)
        changes = [
            [one["snapshot"] - library.snapshot, one["added"], one["removed"], one["restored"]]
            for one in answer["results"]
        ]
        assert changes[:3] == [[0, 0, 0, 1], [-1, 0, 2, 0], [-2, 1, 0, 0]]
        assert answer["results"][2]["profiled"] == 1
        assert all(one["at"] for one in answer["results"])

    @pytest.mark.usefixtures("clips")
    def test_its_pages(self, reader):
        address, seen = "/library/snapshots?page_size=3", []
        while address:
            answer = reader.get(address).json()
            seen += [one["snapshot"] for one in answer["results"]]
            address = (answer["next"] or "").removeprefix("http://testserver/api/v1")
        assert seen == list(range(lock_library().snapshot, 0, -1))


@pytest.mark.usefixtures("clips")
def test_a_key_without_the_scope_lists_nothing(program, client):
    assert code(program("scenes:write")) == (403, "scope_missing")
    assert client.get("/api/v1/clips").status_code == 401


def test_every_licence_says_whether_it_is_commercial():
    commercial = {licence.code for licence in LICENCES.values() if licence.commercial}
    assert commercial == {
        "CC0-1.0", "Public-Domain", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0",
    }  # fmt: skip


@pytest.mark.usefixtures("clips")
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (ClipSearch(words="sea", withdrawn=None), "retrieval_clip_words_gin"),
        (ClipSearch(tag="sea", withdrawn=None), "retrieval_clip_tags_gin"),
        (ClipSearch(sound="Wind", withdrawn=None), "retrieval_clip_sound_tags_gin"),
        (ClipSearch(collection="Coast", withdrawn=None), "retrieval_clip_collection"),
    ],
)
def test_searches_have_an_index(wanted, index):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")  # the walk from the newest one on
    assert index in clips_matching(wanted).explain()

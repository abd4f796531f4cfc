"""No page and no query reads the tables of recordings from end to end."""

from __future__ import annotations

import itertools
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from retrieval.admin import large_lists
from retrieval.models import Clip, ClipProfile, ImportItem, ProfileFailure
from retrieval.selectors import library, media_files
from retrieval.selectors.column_values import first_values
from retrieval.selectors.profiling import clips_without_profile, unprofiled_count
from retrieval.tests.factories import DUMMY, DUMMY_HEARD, dummy_space_row, unsaved_clip
from retrieval.tests.plans import large_reads

pytestmark = pytest.mark.django_db

ROWS = 3010
GROUP = 24
SOURCE = "/data/library.csv"
TABLES = {model._meta.db_table for model in (Clip, ClipProfile, ImportItem)}
MODELS = {space.name: space.audio_model for space in (DUMMY, DUMMY_HEARD)}
CLIPS, ITEMS = "/admin/retrieval/clip/", "/admin/retrieval/importitem/"
COPIED = """
INSERT INTO retrieval_clip (
    sha256, path, title, tags, author, license, license_url, source_url, collection, original,
    preview, media_type, byte_size, duration_s, sample_rate_hz, channels, true_peak_dbtp, peaks,
    flags, added_in, removed_in
)
SELECT encode(sha256(convert_to(n::text, 'UTF8')), 'hex'), 'part/' || n || '.ogg',
       CASE WHEN n % 100 = 3 THEN 'Volcano ' ELSE 'Waves ' END || n, tags, author,
       CASE WHEN n % 100 = 4 THEN 'CC-BY-4.0' ELSE license END, '', '',
       CASE WHEN n % 100 = 5 THEN 'Coast' ELSE 'Woods' END, n || '.ogg', n || '.mp3', media_type,
       byte_size, n, sample_rate_hz, channels, true_peak_dbtp, peaks,
       CASE WHEN n % 100 = 6 THEN '{speech}'::varchar[] ELSE '{}' END, 2 + n / %(group)s,
       CASE WHEN n % 100 = 7 THEN 5000 END
FROM retrieval_clip, generate_series(2, %(rows)s) n
""".replace(" % ", " %% ")
PROFILES = """
INSERT INTO retrieval_clipprofile (
    clip_id, space_id, classes, model_version, distribution, added_in
)
SELECT id, name, classes,
       'dummy-' || CASE name WHEN 'dummy' THEN 'ear@1' ELSE 'sounds@1+moments' END,
       array_fill(1.0 / classes, ARRAY[classes])::vector, added_in
FROM retrieval_clip, retrieval_space WHERE name LIKE 'dummy%%'
"""
FILES = """
INSERT INTO retrieval_importitem (
    source, path, byte_size, modified_ns, row_digest, outcome, code, detail
)
SELECT %(source)s, path, 1, 1, '', CASE WHEN id %% 100 = 8 THEN 'failed' ELSE 'imported' END,
       CASE WHEN id %% 100 = 8 THEN 'decode_failed' ELSE '' END, ''
FROM retrieval_clip
"""


@pytest.fixture
def large(monkeypatch):
    """A library that is large beside what a page shows; the planner would rather read it all."""
    monkeypatch.setattr(large_lists, "MOST_LISTED", 100)
    unsaved_clip(flags=[]).save()
    for space in (DUMMY, DUMMY_HEARD):
        dummy_space_row(space)
    values: dict[str, int | str] = {"rows": ROWS, "group": GROUP, "source": SOURCE}
    with connection.cursor() as cursor:
        for statement in (COPIED, PROFILES, FILES):
            cursor.execute(statement, values)
        cursor.execute("ANALYZE retrieval_clip, retrieval_clipprofile, retrieval_importitem")
        cursor.execute("SET LOCAL enable_seqscan = off")


def read_whole(act):
    """Return the tables of which the queries of an act read half of the rows or more."""
    with CaptureQueriesContext(connection) as captured:
        act()
    queries = [query["sql"] for query in captured]
    assert queries
    return [found for sql in queries for found in large_reads(sql, TABLES, rows=ROWS // 2)]


@pytest.mark.usefixtures("large")
def test_selectors_and_visitors_pages_read_few_rows(client):
    newest = Clip.objects.order_by("-pk").values_list("pk", flat=True)[:60]
    last = 2 + ROWS // GROUP
    for act in (
        partial(library.profiles_of, newest, model_versions=MODELS),
        partial(library.clips_by_id, newest),
        partial(library.clips_that_play, newest),
        library.library_state,
        library.library_has_clips,
        partial(library.removed_clip_ids, up_to=last),
        partial(media_files.is_named, "part/1.ogg"),
        partial(first_values, Clip, "collection", limit=9),
        partial(client.get, "/"),
    ):
        assert read_whole(act) == [], act


@pytest.mark.usefixtures("large")
def test_new_profiles_are_found_without_reading_the_old_ones():
    last = 2 + ROWS // GROUP
    new = partial(library.profiled_clips, model_versions=MODELS, up_to=last)
    found = [clip.clip_id for clip in new(after=last - 1)]
    assert found == [clip.clip_id for clip in new(after=0)][-len(found) :]
    assert len(found) == 1 + ROWS % GROUP
    assert read_whole(lambda: list(new(after=last - 1))) == []


@pytest.mark.usefixtures("large")
def test_lists_of_the_admin_read_few_rows(admin_client):
    for address in (
        *(f"{CLIPS}{query}" for query in (
            "", "?p=2", "?o=1", "?o=2", "?o=-2", "?o=3", "?o=6", "?q=waves", "?q=volcano",
            "?q=77.ogg", "?q=part/77.ogg", "?q=nothing", "?withdrawn=no", "?flag=speech",
            "?license__exact=CC0-1.0", "?license__exact=CC-BY-4.0", "?collection=Coast",
            "?collection=Woods",
        )),
        *(f"{ITEMS}{query}" for query in (
            "", "?p=2", "?o=1", "?o=6", "?q=77.ogg", "?q=/data", "?outcome__exact=imported",
            "?outcome__exact=failed", "?code=decode_failed", f"?source={SOURCE}",
        )),
    ):  # fmt: skip
        answers = []
        whole = read_whole(lambda address=address: answers.append(admin_client.get(address)))  # noqa: B023
        assert answers[0].status_code == 200, address
        assert whole == [], address


@pytest.mark.usefixtures("large")
def test_lists_show_the_first_rows_and_say_so(admin_client):
    page = admin_client.get(CLIPS)
    assert page.context["cl"].result_count == 100
    assert page.context["cl"].paginator.num_pages == 2
    assert "the first 100; search or filter to find others" in page.content.decode()
    few = admin_client.get(f"{CLIPS}?withdrawn=yes")
    assert few.context["cl"].result_count == 31
    assert "the first" not in few.content.decode()


@pytest.mark.usefixtures("large")
def test_the_oldest_recordings_are_listed_in_the_reverse_order(admin_client):
    rows = admin_client.get(f"{CLIPS}?o=6").context["cl"].result_list
    assert [row.added_in for row in rows] == sorted(row.added_in for row in rows)
    assert rows[0].added_in == 1


def test_files_are_found_by_how_their_names_begin(admin_client):
    for number, path in enumerate(("sea/waves 1.ogg", "sea/deep/waves 2.ogg", "sea/100%.ogg")):
        unsaved_clip(number, path=path, title="x").save()
    for part, found in (
        ("waves", ["sea/deep/waves 2.ogg", "sea/waves 1.ogg"]),
        ("sea/waves", ["sea/waves 1.ogg"]),
        ("sea/deep/waves 2.ogg", ["sea/deep/waves 2.ogg"]),
        ("100%", ["sea/100%.ogg"]),
        ("10_", []),
        ("aves", []),
        ("sea/", []),
    ):
        rows = admin_client.get(CLIPS, {"q": part}).context["cl"].result_list
        assert [row.path for row in rows] == found, part


def test_first_values(make_clip):
    for collection in ("Woods", "", "Coast", "Woods", "Harbour"):
        make_clip([1, 0, 0, 0, 0, 0, 0], collection=collection)
    assert first_values(Clip, "collection", limit=9) == ["Coast", "Harbour", "Woods"]
    assert first_values(Clip, "collection", limit=2) == ["Coast", "Harbour"]
    assert first_values(ImportItem, "code", limit=9) == []


def test_recordings_without_a_profile_are_counted_like_they_are_found(make_clip):
    space = dummy_space_row(DUMMY_HEARD)
    model = {"space": space, "model_version": DUMMY_HEARD.audio_model}
    for has_profile, has_failed, is_withdrawn in itertools.product((False, True), repeat=3):
        removed_in = 99 if is_withdrawn else None
        clip = make_clip([1, 0, 0, 0, 0, 0, 0], removed_in=removed_in)
        if has_profile:
            ClipProfile.objects.create(
                clip=clip, classes=5, distribution=[0.2] * 5, added_in=1, **model
            )
        if has_failed:
            ProfileFailure.objects.create(clip=clip, code="x", **model)
    make_clip([1, 0, 0, 0, 0, 0, 0])
    found = clips_without_profile(space.name, DUMMY_HEARD.audio_model)
    assert found.count() == 2
    assert unprofiled_count(space.name, DUMMY_HEARD.audio_model) == 2

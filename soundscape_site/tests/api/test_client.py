"""The Python client: repeats what is safe to repeat, and keeps the key to itself."""

from __future__ import annotations

import ast
import csv
import sys
from pathlib import Path

import pytest
from soundscape_client import Client, Outcome, Scene, SoundscapeError, write_csv
from soundscape_client.__main__ import _Progress, main

from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.tests.api.scripted_site import ScriptedAnswer, scripted_site

CLIENT = BASE_DIR / "examples" / "soundscape_client"
CLIP = {"id": 7, "title": "Rain", "license": "CC0-1.0", "credit_line": "Rain, CC0"}
QUEUED = {"id": "a1", "state": "queued"}
DONE = {
    "id": "a1",
    "state": "done",
    "matches": [{"rank": 1, "strength": "strong", "clip": CLIP}],
}
BUSY = (503, {"Retry-After": "3"}, {"code": "queue_full", "detail": "Full."})
LIMIT = (429, {"Retry-After": "2"}, {"code": "rate_limited", "detail": "Slower."})
REFUSED = {
    "code": "unknown_field",
    "detail": "titel: no.",
    "request_id": "r1",
    "errors": [{"field": "titel", "code": "unknown_field", "detail": "no."}],
}


class Clock:
    """Counts the seconds that a client waits."""

    def __init__(self):
        self.waits = []

    def __call__(self, seconds):
        self.waits.append(seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photos" / "a.jpg"
    path.parent.mkdir()
    path.write_bytes(b"a photo")
    return path


def test_a_busy_site_is_asked_again_when_it_says(clock):
    with scripted_site(BUSY, LIMIT, (200, {}, DONE)) as site:
        scene = Client(site.url, "k", sleep=clock).scene("a1")
    assert scene.matches[0].clip.title == "Rain"
    busy_s, limit_s = clock.waits
    assert 3 <= busy_s < 4
    assert 1.5 < limit_s < 3
    assert site.sent() == [("GET", "/api/v1/scenes/a1")] * 3


def test_a_limit_of_hours_is_not_waited_for(clock):
    with (
        scripted_site((429, {"Retry-After": "7200"}, LIMIT[2])) as site,
        pytest.raises(SoundscapeError) as refused,
    ):
        Client(site.url, "k", sleep=clock).scene("a1")
    assert (refused.value.status, refused.value.code) == (429, "rate_limited")
    assert clock.waits == []


def test_an_upload_is_repeated_with_the_same_key_after_a_broken_connection(clock, photo):
    with scripted_site(None, (202, {}, QUEUED)) as site:
        scene = Client(site.url, "k", sleep=clock).upload(photo, title="Meadow", wait_s=10)
    assert (scene.id, scene.is_finished) == ("a1", False)
    first, second = ([headers["Idempotency-Key"], body] for _m, _p, headers, body in site.requests)
    assert first[0] == second[0]
    assert b"a photo" in second[1]
    assert b'name="title"\r\n\r\nMeadow' in second[1]
    assert site.requests[0][2]["Prefer"] == "wait=10"


def test_a_request_that_may_have_been_done_is_not_repeated(clock):
    with scripted_site(None) as site, pytest.raises(SoundscapeError) as refused:
        Client(site.url, "k", sleep=clock).request("POST", "/grades", json_body={})
    assert (refused.value.status, refused.value.code) == (0, "unreachable")
    assert len(site.requests) == 1


def test_other_photos_and_titles_have_other_keys(clock, photo):
    other = photo.with_name("b.jpg")
    other.write_bytes(b"another photo")
    with scripted_site(*[(202, {}, QUEUED)] * 4) as site:
        client = Client(site.url, "k", sleep=clock)
        for path, title in [(photo, None), (photo, "x"), (other, None), (photo, None)]:
            client.upload(path, title=title)
    keys = [headers["Idempotency-Key"] for _m, _p, headers, _b in site.requests]
    assert len(set(keys)) == 3
    assert keys[0] == keys[3]


def test_a_refusal_says_what_is_wrong(clock):
    with scripted_site((400, {}, REFUSED)) as site, pytest.raises(SoundscapeError) as refused:
        Client(site.url, "k", sleep=clock).scene("a1")
    error = refused.value
    assert (error.status, error.code, error.request_id) == (400, "unknown_field", "r1")
    assert error.errors[0]["field"] == "titel"


def test_an_answer_that_is_no_problem_is_still_an_error(clock):
    with scripted_site((500, {}, b"<html>")) as site, pytest.raises(SoundscapeError) as refused:
        Client(site.url, "k", sleep=clock).scene("a1")
    assert (refused.value.status, refused.value.code) == (500, "unknown")


def test_waiting_asks_as_often_as_the_site_wants(clock):
    later = (200, {"Retry-After": "4"}, QUEUED)
    with scripted_site(later, later, (200, {}, DONE)) as site:
        assert Client(site.url, "k", sleep=clock).wait("a1").state == "done"
    assert clock.waits == [4, 4]


def test_waiting_ends(clock):
    with scripted_site(*[(200, {"Retry-After": "4"}, QUEUED)] * 3) as site:
        client = Client(site.url, "k", sleep=clock)
        with pytest.raises(TimeoutError):
            client.wait("a1", timeout_s=9)
    assert clock.waits == [4, 4]


def test_lists_are_read_to_their_end(clock):
    with scripted_site() as site:
        following = f"{site.url}/api/v1/clips?q=rain&cursor=x"
        site.answers += [
            (200, {}, {"results": [CLIP], "next": following}),
            (200, {}, {"results": [CLIP | {"id": 8}], "next": None}),
        ]
        clips = list(Client(site.url, "k", sleep=clock).clips(q="rain", commercial_use=True))
    assert [clip.id for clip in clips] == [7, 8]
    assert site.sent()[0] == ("GET", "/api/v1/clips?q=rain&commercial_use=true")
    assert site.sent()[1] == ("GET", "/api/v1/clips?q=rain&cursor=x")


def test_the_key_goes_to_the_site_alone(clock):
    with scripted_site((200, {}, {"results": [], "next": "http://evil.example/api/v1/clips"})) as s:
        with pytest.raises(ValueError, match="another site"):
            list(Client(s.url, "k", sleep=clock).clips())
        s.answers.append((302, {"Location": "http://evil.example/"}, {}))
        with pytest.raises(SoundscapeError) as refused:
            Client(s.url, "k", sleep=clock).clip(7)
    assert refused.value.status == 302
    assert s.requests[0][2]["Authorization"] == "Bearer k"
    with pytest.raises(ValueError, match="not the address"):
        Client("sounds.example", "k")


def test_a_deleted_photo_can_be_deleted_again(clock):
    gone: ScriptedAnswer = (410, {}, {"code": "gone", "detail": "Deleted."})
    with scripted_site((204, {}, b""), gone) as site:
        client = Client(site.url, "k", sleep=clock)
        client.delete_scene("a1")
        client.delete_scene("a1")
    assert site.sent() == [("DELETE", "/api/v1/scenes/a1")] * 2


def test_a_sound_is_written_into_a_file(clock, tmp_path):
    with scripted_site((200, {}, b"fLaC")) as site:
        path = Client(site.url, "k", sleep=clock).download_audio(7, tmp_path / "best.flac")
    assert path.read_bytes() == b"fLaC"


def test_a_refused_photo_stops_no_other(clock, photo):
    photo.with_name("b.PNG").write_bytes(b"another photo")
    photo.with_name("notes.txt").write_bytes(b"no photo")
    bad: ScriptedAnswer = (422, {}, {"code": "image_truncated", "detail": "Incomplete."})
    with scripted_site(bad, (201, {}, DONE)) as site:
        seen: list[Outcome] = []
        results = Client(site.url, "k", sleep=clock).upload_folder(
            photo.parent, parallel=1, on_progress=seen.append
        )
    assert [one.path.name for one in results] == ["a.jpg", "b.PNG"]
    assert len(seen) == 2
    assert {one.error is None for one in results} == {True, False}


def test_a_key_that_opens_nothing_ends_the_run(clock, photo):
    for number in range(5):
        photo.with_name(f"{number}.jpg").write_bytes(bytes([number]))
    unknown: ScriptedAnswer = (401, {}, {"code": "token_invalid", "detail": "Unknown."})
    with scripted_site(*[unknown] * 6) as site, pytest.raises(SoundscapeError):
        Client(site.url, "k", sleep=clock).upload_folder(photo.parent, parallel=1)


@pytest.fixture
def nowhere():
    """The address of a site that has gone."""
    with scripted_site() as site:
        pass
    return site.url


def test_a_site_that_is_not_there_ends_the_run_at_once(clock, photo, nowhere):
    photo.with_name("b.jpg").write_bytes(b"another photo")
    with pytest.raises(SoundscapeError) as refused:
        Client(nowhere, "k", sleep=clock).upload_folder(photo.parent)
    assert (refused.value.status, refused.value.code) == (0, "no_site")
    assert clock.waits == []


def test_a_site_that_goes_away_is_waited_for(clock):
    with scripted_site((200, {}, DONE)) as site:
        client = Client(site.url, "k", sleep=clock, patience_s=5)
        client.scene("a1")
    with pytest.raises(SoundscapeError) as refused:
        client.scene("a1")
    assert refused.value.code == "unreachable"
    assert len(clock.waits) > 1


def test_the_command_says_that_the_site_is_not_there(photo, monkeypatch, capsys, nowhere):
    monkeypatch.setenv("SOUNDSCAPE_KEY", "snd_1")
    assert main([str(photo.parent), "--site", nowhere]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {nowhere}/api/v1 cannot be reached: ")
    assert said.out == ""


def test_waits_are_told(clock, photo):
    told: list[str] = []
    with scripted_site(BUSY, (202, {}, QUEUED), (200, {}, QUEUED), (200, {}, DONE)) as site:
        client = Client(site.url, "k", sleep=clock, on_wait=told.append)
        client.upload_folder(photo.parent)
    assert len(told) == 2
    assert told[0].startswith("503 queue_full: Full.; next try in ")
    assert told[1] == "photo a1 is queued"


def test_the_command_prints_a_wait_after_some_seconds(monkeypatch, capsys):
    now = iter([0.0, 4.0, 6.0, 7.0, 12.0])
    monkeypatch.setattr("soundscape_client.__main__.time.monotonic", lambda: next(now))
    progress = _Progress(3)
    for number in range(4):
        progress.waiting(f"reason {number}")
    lines = ["[0/3] waiting: reason 1", "[0/3] waiting: reason 3"]
    assert capsys.readouterr().out.splitlines() == lines


def test_a_photo_that_was_deleted_since_is_sent_with_another_key(clock, photo):
    gone: ScriptedAnswer = (410, {}, {"code": "gone", "detail": "Deleted."})
    with scripted_site(gone, (202, {}, QUEUED), gone, gone) as site:
        client = Client(site.url, "k", sleep=clock)
        assert client.upload(photo).id == "a1"
        with pytest.raises(SoundscapeError):
            client.upload(photo)
    keys = [headers["Idempotency-Key"] for _m, _p, headers, _b in site.requests]
    assert keys[0] == keys[2]
    assert len(set(keys)) == 3


def test_the_table_has_a_row_for_each_match_and_no_formulas(tmp_path):
    failed = QUEUED | {"state": "failed", "failure": {"code": "poison"}}
    formula = {"id": "b2", "state": "done", "matches": [
        {"rank": 1, "strength": "weak", "clip": CLIP | {"title": "=cmd()"}},
        {"rank": 2, "strength": None, "clip": CLIP},
    ]}  # fmt: skip
    results = [
        Outcome(Path("a.jpg"), Scene.from_json(formula)),
        Outcome(Path("b.jpg"), Scene.from_json(failed)),
        Outcome(Path("c.jpg"), None, SoundscapeError(415, "unsupported_media_type", "No photo.")),
        Outcome(Path("d.jpg"), None, TimeoutError("too long")),
    ]  # fmt: skip
    write_csv(results, tmp_path / "results.csv")
    with (tmp_path / "results.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["file"], row["rank"], row["error"]) for row in rows] == [
        ("a.jpg", "1", ""),
        ("a.jpg", "2", ""),
        ("b.jpg", "", "poison"),
        ("c.jpg", "", "unsupported_media_type"),
        ("d.jpg", "", "TimeoutError"),
    ]
    assert rows[0]["title"] == "'=cmd()"
    assert rows[3]["detail"] == "No photo."


def test_the_command_says_what_it_does(photo, tmp_path, monkeypatch, capsys):
    out = tmp_path / "results.csv"
    with scripted_site((201, {}, DONE)) as site:
        monkeypatch.setenv("SOUNDSCAPE_KEY", "snd_1")
        status = main([str(photo.parent), "--site", site.url, "--out", str(out)])
    said = capsys.readouterr().out
    assert status == 0
    assert "[1/1] a.jpg: Rain (strong)" in said
    assert f"1 of 1 photos have a result: {out}" in said
    assert "Rain" in out.read_text()


def test_the_command_names_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("SOUNDSCAPE_KEY", raising=False)
    with pytest.raises(SystemExit):
        main([str(tmp_path)])
    assert "SOUNDSCAPE_KEY" in capsys.readouterr().err
    monkeypatch.setenv("SOUNDSCAPE_KEY", "snd_1")
    assert main([str(tmp_path / "nowhere")]) == 1
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(CLIENT.glob("*.py")), ids=lambda path: path.name)
def test_the_client_is_written_for_old_pythons_and_without_packages(path):
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert imported <= sys.stdlib_module_names | {"soundscape_client"}

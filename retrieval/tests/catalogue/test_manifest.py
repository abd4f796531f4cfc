from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

import pytest

from retrieval.catalogue.licences import UNKNOWN
from retrieval.catalogue.manifest import ManifestError, count_entries, read_entries

HEADER = "path,title,tags,author,license,license_url,source_url,collection\n"


def manifest(tmp_path, *rows):
    path = tmp_path / "library.csv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return path


def test_paths_are_relative_to_the_manifest(tmp_path):
    source = manifest(
        tmp_path, "sea/a.ogg,Waves,sea waves; wind,Ada,CC0-1.0,https://l.org,https://s.org,Mine"
    )
    [entry] = read_entries(source)
    assert entry.file == tmp_path / "sea/a.ogg"
    assert (entry.path, entry.title, entry.tags) == ("sea/a.ogg", "Waves", ("sea waves", "wind"))
    assert (entry.author, entry.license, entry.collection) == ("Ada", "CC0-1.0", "Mine")
    assert entry.problem is None


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (",Waves,,,CC0-1.0,,,", "path_required"),
        ("a.ogg,Waves,,,,,,", "licence_required"),
        ("a.ogg,Waves,,,All mine,,,", "licence_unknown"),
        ("a.ogg,Waves, loud,,Ada,CC0-1.0,,,", "row_has_extra_fields"),
        ("a.ogg,Wa\x00ves,,,CC0-1.0,,,", "invalid_characters"),
    ],
)
def test_an_invalid_row_does_not_affect_others(tmp_path, row, code):
    first, second = read_entries(manifest(tmp_path, row, "b.ogg,B,,,unknown,,,"))
    assert first.problem is not None
    assert first.problem.code == code
    assert second.problem is None


def test_a_missing_title_is_made_from_the_file_name(tmp_path):
    [entry] = read_entries(manifest(tmp_path, "sea/high_tide-at dawn.ogg,,,,unknown,,,"))
    assert entry.title == "High tide at dawn"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"path,title\na,b\n", "lacks the columns tags, author"),
        (b"", "lacks the columns path"),
        (f"{HEADER.strip()},license\n".encode(), "columns license more than once"),
        (b"\xff\xfe\x00rubbish", "is not a CSV file in UTF-8"),
    ],
)
def test_an_invalid_manifest_is_refused(tmp_path, content, message):
    source = tmp_path / "library.csv"
    source.write_bytes(content)
    with pytest.raises(ManifestError, match=message):
        list(read_entries(source))


def test_a_missing_manifest_is_reported(tmp_path):
    with pytest.raises(ManifestError, match=r"nowhere\.csv does not exist"):
        list(read_entries(tmp_path / "nowhere.csv"))


def test_a_folder_has_titles_from_file_names_and_unknown_licences(tmp_path):
    for name in ("b/rain_on-roof.mp3", "a/Sea.WAV", "notes.txt", "b/.hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    entries = list(read_entries(tmp_path))
    assert [(entry.path, entry.title) for entry in entries] == [
        ("a/Sea.WAV", "Sea"), ("b/rain_on-roof.mp3", "Rain on roof"),
    ]  # fmt: skip
    assert {entry.license for entry in entries} == {UNKNOWN}
    assert count_entries(tmp_path) == 2


def test_a_folder_is_read_one_directory_at_a_time(tmp_path):
    """Memory must not grow with the number of files."""
    for i in range(3):
        (tmp_path / f"d{i}").mkdir()
        (tmp_path / f"d{i}" / "x.ogg").touch()
    stream = iter(read_entries(tmp_path))
    assert next(stream).path == "d0/x.ogg"
    (tmp_path / "d2" / "late.ogg").touch()
    assert [entry.path for entry in stream] == ["d1/x.ogg", "d2/late.ogg", "d2/x.ogg"]


def test_a_manifest_may_have_a_byte_order_mark_and_crlf(tmp_path):
    source = tmp_path / "library.csv"
    text = f"{HEADER}a.ogg,Waves,,,CC0-1.0,,,\n".replace("\n", "\r\n")
    source.write_bytes(b"\xef\xbb\xbf" + text.encode())
    [entry] = read_entries(source)
    assert (entry.path, entry.problem) == ("a.ogg", None)


def test_an_unreadable_folder_is_reported(tmp_path, monkeypatch):
    (tmp_path / "open").mkdir()
    (tmp_path / "open/a.ogg").touch()
    (tmp_path / "shut").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    problems = {entry.path: entry.problem for entry in read_entries(tmp_path)}
    assert problems["open/a.ogg"] is None
    assert problems["shut"] is not None
    assert problems["shut"].code == "folder_unreadable"
    with pytest.raises(ManifestError, match="cannot be read: Permission denied"):
        list(read_entries(tmp_path / "shut"))


def rows_of_text(tmp_path, text):
    manifest = tmp_path / "manifest.csv"
    manifest.write_bytes(text.encode())
    return list(read_entries(manifest))


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_are_read(tmp_path, delimiter):
    text = HEADER.replace(",", delimiter) + f"a.ogg{delimiter}Brook, near" + delimiter * 3
    (entry,) = rows_of_text(tmp_path, text + f"CC0-1.0{delimiter * 3}\n")
    assert (entry.title, entry.license, entry.problem) == ("Brook, near", "CC0-1.0", None)


def test_capitals_and_spaces_in_the_header_do_not_matter(tmp_path):
    header = ",".join(f" {name.title()} " for name in HEADER.strip().split(","))
    (entry,) = rows_of_text(tmp_path, header + "\na.ogg,Waves,,,CC0-1.0,,,\n")
    assert (entry.path, entry.title) == ("a.ogg", "Waves")


def test_empty_cells_beyond_the_columns_and_empty_rows_do_not_count(tmp_path):
    (entry,) = rows_of_text(tmp_path, HEADER + "a.ogg,Waves,,,CC0-1.0,,,,, ,\n,,,,,,,,,\n\n")
    assert entry.problem is None


@pytest.mark.parametrize(("written", "stored"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_name_in_another_unicode_form_is_the_same_name(tmp_path, written, stored):
    path = "Bäche/über Kiesel.wav"
    file = tmp_path / unicodedata.normalize(stored, path)
    file.parent.mkdir()
    file.touch()
    row = unicodedata.normalize(written, path)
    (entry,) = rows_of_text(tmp_path, f"{HEADER}{row},Bach,,,CC0-1.0,,,\n")
    assert entry.file == file


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('q.wav,"never closed,,,CC0-1.0,,,\nb.wav,B,,,CC0-1.0,,,\n', 3),
        ('"q.wav","a ""quoted"" title\nin two lines","open,,CC0-1.0,,,\n', 4),
    ],
)
def test_line_of_an_open_quote_is_named_and_nothing_is_read(tmp_path, rows, line):
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(f"{HEADER}a.wav,A,,,CC0-1.0,,,\n{rows}")
    with pytest.raises(ManifestError, match=f"line {line} is never closed"):
        next(iter(read_entries(manifest)))


def test_a_title_from_a_file_name_keeps_its_capitals(tmp_path):
    (tmp_path / "rain_in_NYC-1.wav").touch()
    (entry,) = read_entries(tmp_path)
    assert entry.title == "Rain in NYC 1"


def test_titles_and_collections_are_cut_after_escaping_on_a_character(tmp_path):
    name = "波の音".encode("shift_jis") * 14
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/" + name)
    Path(folder).mkdir()
    Path(folder, os.fsdecode(name[:240] + b".wav")).touch()
    (entry,) = read_entries(Path(folder))
    assert len(entry.collection) <= 100
    assert len(entry.title) <= 300
    assert re.fullmatch(r"(\\x[0-9a-f]{2}|[^\\])*", entry.collection)
    assert re.fullmatch(r"(\\x[0-9a-f]{2}|[^\\])*", entry.title)


@pytest.mark.parametrize(
    "suffix", ["weba", "aifc", "m4b", "wave", "caf", "mka", "oga", "mp4", "WAV"]
)
def test_usual_endings_are_read(tmp_path, suffix):
    (tmp_path / f"brook.{suffix}").touch()
    assert [entry.title for entry in read_entries(tmp_path)] == ["Brook"]


def test_notes_of_the_file_system_are_passed_over(tmp_path):
    for name in ("._brook.wav", ".DS_Store", ".hidden.mp3"):
        (tmp_path / name).touch()
    assert list(read_entries(tmp_path)) == []


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    folder, outside = tmp_path / "sounds", tmp_path / "secret.wav"
    folder.mkdir()
    outside.touch()
    (folder / "brook.wav").touch()
    (folder / "inside.wav").symlink_to(folder / "brook.wav")
    (folder / "outside.wav").symlink_to(outside)
    problems = {entry.path: entry.problem and entry.problem.code for entry in read_entries(folder)}
    assert problems == {"brook.wav": None, "inside.wav": None, "outside.wav": "outside_folder"}

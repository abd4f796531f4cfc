"""Which files of a folder or zip file are photos, and the licences that photos.csv gives them."""

from __future__ import annotations

import io
import os
import struct
import zipfile

import pytest

from labelling.services import photo_files
from labelling.services.photo_files import (
    PhotoArchive,
    PhotoCredit,
    PhotoFileError,
    TooManyPhotosError,
    credit_problem,
    pack,
    photos_in_archive,
    photos_in_folder,
)
from labelling.tests.photos import folder_of, zip_of
from retrieval.catalogue.manifest import ManifestError

DEFAULT = PhotoCredit(author="Ada", license="CC0-1.0")
CREDITS = (
    "path,author,license,source_url\n"
    "b.jpg,Bob,CC-BY-4.0,https://example.org/b\n"
    "in/c.PNG,,CC-BY-SA-4.0,\n"
)


def in_folder(tmp_path, files):
    return photos_in_folder(folder=folder_of(tmp_path / "in", files), default=DEFAULT)


def in_archive(files):
    archive = PhotoArchive(io.BytesIO(files if isinstance(files, bytes) else zip_of(files)))
    return photos_in_archive(archive=archive, default=DEFAULT)


def by_path(found):
    return {file.path: file for file in found}


FILES: dict[str, bytes | str] = {
    "b.jpg": b"b", "a.jpeg": b"a", "in/c.PNG": b"c", "notes.txt": b"", ".hidden.jpg": b"",
    "__MACOSX/b.jpg": b"", ".cache/d.jpg": b"", "photos.csv": CREDITS, "x.gif": b"x",
}  # fmt: skip


@pytest.mark.parametrize("top", ["", "holiday/"])
def test_photos_of_a_zip_file_and_their_credits(top):
    found = in_archive({top + name: content for name, content in FILES.items()})
    assert [file.path for file in found] == ["a.jpeg", "b.jpg", "in/c.PNG", "x.gif"]
    check_credits(found)


def test_photos_of_a_folder_and_their_credits(tmp_path):
    found = in_folder(tmp_path, FILES)
    assert sorted(file.path for file in found) == ["a.jpeg", "b.jpg", "in/c.PNG", "x.gif"]
    check_credits(found)


def check_credits(found):
    files = by_path(found)
    assert files["a.jpeg"].credit == DEFAULT
    assert files["b.jpg"].credit == PhotoCredit(
        author="Bob", license="CC-BY-4.0", source_url="https://example.org/b"
    )
    assert files["in/c.PNG"].credit == PhotoCredit(author="Ada", license="CC-BY-SA-4.0")
    assert [file.read(100) for file in (files["a.jpeg"], files["in/c.PNG"])] == [b"a", b"c"]
    assert files["in/c.PNG"].name == "c.PNG"
    assert all(file.problem is None for file in found)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("a.jpg,Ada,CC-BY-9,", "licence_unknown"),
        (f"a.jpg,{'x' * 201},,", "author_invalid"),
        ("a.jpg,,,javascript:alert(1)", "source_url_invalid"),
        ("a.jpg,Smith, Jane,CC0-1.0,", "row_has_extra_fields"),
        ("a.jpg,,,\na.jpg,,,", "path_twice"),
        ("b.jpg,,,", "file_missing"),
    ],
)
def test_a_bad_row_costs_its_photo_alone(tmp_path, row, code):
    table = f"path,author,license,source_url\n{row}\n"
    for found in (
        in_folder(tmp_path, {"a.jpg": b"a", "z.jpg": b"z", "photos.csv": table}),
        in_archive({"a.jpg": b"a", "z.jpg": b"z", "photos.csv": table}),
    ):
        problems = {file.path: file.problem.code for file in found if file.problem}
        assert problems == {row[:5]: code}


@pytest.mark.parametrize(
    "table",
    [
        "file,license\na.jpg,CC0-1.0\n",
        "path,licence\na.jpg,CC0-1.0\n",
        "path,path\na.jpg,a.jpg\n",
        "path\n,\n",
        b"path\n\xff\n",
        'path\n"a.jpg\n',
    ],
)
def test_an_unusable_table_stops_the_import(tmp_path, table):
    files = {"a.jpg": b"a", "photos.csv": table}
    with pytest.raises(ManifestError, match=r"photos\.csv"):
        in_folder(tmp_path, files)
    with pytest.raises(ManifestError, match=r"photos\.csv"):
        in_archive(files)


def test_paths_are_compared_as_windows_and_macos_write_them():
    table = "path,author\nin\\café.jpg,Eve\n"
    (found,) = in_archive({"in/cafe\u0301.jpg": b"c", "photos.csv": table})
    assert (found.credit.author, found.problem) == ("Eve", None)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(ManifestError, match="gone cannot be read"):
        photos_in_folder(folder=tmp_path / "gone", default=DEFAULT)


def test_a_pipe_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    (found,) = photos_in_folder(folder=tmp_path, default=DEFAULT)
    with pytest.raises(PhotoFileError) as failed:
        found.read(10)
    assert failed.value.problem.code == "file_not_regular"


def test_the_number_of_photos_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(photo_files, "MOST_FILES", 1)
    files: dict[str, bytes | str] = {"a.jpg": b"", "b.jpg": b""}
    with pytest.raises(TooManyPhotosError, match="At most 1 photos"):
        in_folder(tmp_path, files)
    with pytest.raises(TooManyPhotosError, match="At most 1 photos"):
        in_archive(files)


def test_a_directory_of_a_zip_file_that_is_too_long_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(photo_files, "MOST_FILES", 2)
    others: dict[str, bytes | str] = {f"{number}.txt": b"" for number in range(5)}
    assert [file.path for file in in_archive({**others, "a.jpg": b""})] == ["a.jpg"]
    content = zip_of({f"{number}.txt": b"" for number in range(50)})
    read = []

    class Counted(zipfile.ZipInfo):
        def __init__(self, *given):
            super().__init__(*given)
            read.append(self)

    monkeypatch.setattr(zipfile, "ZipInfo", Counted)
    with pytest.raises(TooManyPhotosError):
        PhotoArchive(io.BytesIO(content))
    assert len(read) == 3 * 2 + 1


def test_many_equal_names_are_not_compared_each_with_each(monkeypatch):
    tried = []

    def note(path):
        tried.append(path)
        return path

    monkeypatch.setattr(photo_files, "storable", note)
    part = pack(files=[("a.jpg", io.BytesIO()) for _ in range(300)])
    assert len(tried) < 300
    with zipfile.ZipFile(io.BytesIO(part)) as archive:
        assert set(archive.namelist()) == {"a.jpg", *(f"a ({n}).jpg" for n in range(2, 301))}


def test_no_more_than_the_wanted_bytes_are_unpacked():
    (bomb,) = in_archive({"a.jpg": bytes(50_000_000)})
    assert len(bomb.read(1_000)) == 1_001


def test_names_that_leave_the_folder_are_only_shown(tmp_path):
    found = in_archive({"../../up.jpg": b"u", "/etc/root.jpg": b"r", "C:\\win.jpg": b"w"})
    assert {file.read(9) for file in found} == {b"r", b"w"}  # `..` is left out as hidden
    assert list(tmp_path.iterdir()) == []


def test_two_entries_of_one_name_are_both_kept():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.jpg", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.jpg", b"2")
    found = in_archive(content.getvalue())
    assert {file.path: file.read(9) for file in found} == {"a.jpg": b"1", "a (2).jpg": b"2"}


def broken(content: bytes) -> bytes:
    """Damage the data of the first entry."""
    at = content.index(b"a.jpg") + len(b"a.jpg")
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def with_flag(content: bytes) -> bytes:
    """Mark every entry as encrypted, as only another program can."""
    changed = bytearray(content)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = changed.find(signature)
        while at >= 0:
            (flags,) = struct.unpack_from("<H", changed, at + offset)
            struct.pack_into("<H", changed, at + offset, flags | 1)
            at = changed.find(signature, at + 1)
    return bytes(changed)


def by_bzip2(_: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.jpg", b"a" * 1_000)
    return content.getvalue()


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (broken, "entry_damaged"),
        (with_flag, "entry_encrypted"),
        (by_bzip2, "entry_unsupported"),
    ],
)
def test_an_entry_that_cannot_be_unpacked_has_a_reason(damage, code):
    (found,) = in_archive(damage(zip_of({"a.jpg": b"a" * 1_000})))
    with pytest.raises(PhotoFileError) as failed:
        found.read(10_000)
    assert failed.value.problem.code == code


def test_a_part_of_an_upload_may_lack_photos_of_its_table():
    part = pack(files=[
        ("holiday/a.jpg", io.BytesIO(b"a")),
        ("holiday/photos.csv", io.BytesIO(b"path,author\na.jpg,Eve\nb.jpg,Bob\n")),
        ("other/a.jpg", io.BytesIO(b"o")),
        ("other/a.jpg", io.BytesIO(b"p")),
    ])  # fmt: skip
    with zipfile.ZipFile(io.BytesIO(part)) as archive:
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
    found = by_path(in_archive(part))
    assert set(found) == {"holiday/a.jpg", "other/a.jpg", "other/a (2).jpg"}
    holiday = pack(files=[
        ("holiday/a.jpg", io.BytesIO(b"a")),
        ("holiday/photos.csv", io.BytesIO(b"path,author\na.jpg,Eve\nb.jpg,Bob\n")),
    ])  # fmt: skip
    (only,) = in_archive(holiday)
    assert (only.path, only.credit.author) == ("a.jpg", "Eve")


def test_the_part_of_an_upload_that_lists_all_photos_tells_rows_without_one():
    part = pack(files=[
        ("holiday/photos.csv", io.BytesIO(b"path,author\na.jpg,Eve\nin/b.jpg,Bob\nc.jpg,Eve\n")),
        ("holiday/a.jpg", io.BytesIO(b"a")),
        ("holiday/photos.list", io.BytesIO(b"holiday/a.jpg\nholiday/in/b.jpg")),
    ])  # fmt: skip
    found = by_path(in_archive(part))
    assert set(found) == {"a.jpg", "c.jpg"}
    assert found["a.jpg"].problem is None
    assert found["c.jpg"].problem.code == "file_missing"


def test_a_usual_credit_has_no_problem():
    assert credit_problem(credit=DEFAULT) is None
    assert credit_problem(credit=PhotoCredit()) is None

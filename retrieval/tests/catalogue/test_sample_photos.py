"""Sample photos and their stable URLs."""

from __future__ import annotations

import pytest
from django.urls import reverse

from retrieval.catalogue.sample_photos import sample_named, sample_photos


@pytest.fixture
def folder(tmp_path):
    def fill(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())
        return tmp_path

    return fill


@pytest.mark.parametrize("name", ["my photo.jpg", "a.b.jpg", "Küste.png", "海.webp", "(1).jpeg"])
def test_every_file_name_has_a_url(folder, name):
    (sample,) = sample_photos(folder(name))
    assert reverse("retrieval:sample_photo", args=[sample.slug])
    assert sample_named(folder(), sample.slug) == sample


@pytest.mark.parametrize("name", ["IMG.JPG", "a.HEIC", "b.heif", "c.Jpeg", "d.webp", "e.PNG"])
def test_suffixes_are_matched_in_any_case(folder, name):
    assert [sample.path.name for sample in sample_photos(folder(name))] == [name]


def test_other_files_and_folders_are_ignored(folder):
    place = folder("notes.txt", "photo.jpg.bak")
    (place / "folder.jpg").mkdir()
    assert sample_photos(place) == []
    assert sample_photos(place / "nowhere") == []


def test_files_with_the_same_stem_are_different_samples(folder):
    samples = sample_photos(folder("pier.jpg", "pier.png", "far/pier.jpg", "beach.jpg"))
    assert len({sample.slug for sample in samples}) == 4
    assert len({sample.path for sample in samples}) == 4
    assert [sample.slug for sample in samples if sample.name == "Beach"] == ["beach"]


def test_a_url_never_changes_its_photo(folder):
    alone = sample_photos(folder("sea side.jpg", "pier.png"))
    more = sample_photos(folder("abc.jpg", "pier.jpg", "sea-side.jpg"))
    later = {sample.slug: sample.path for sample in more}
    assert all(later.get(sample.slug, sample.path) == sample.path for sample in alone)
    assert [sample.slug for sample in sample_photos(folder())] == list(later)


def test_photos_with_a_known_title_come_first(folder):
    samples = sample_photos(folder("kodim21.png", "other.jpg", "kodim13.PNG", "x/kodim13.jpg"))
    assert [(sample.slug, sample.name) for sample in samples] == [
        ("kodim13", "Mountain stream"),
        ("kodim21", "Lighthouse"),
    ]
    assert samples[0].path.name == "kodim13.PNG"

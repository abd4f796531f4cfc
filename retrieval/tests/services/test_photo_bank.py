"""Photo banks: what they contain and when they apply."""

from __future__ import annotations

import hashlib
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from retrieval.engine.matching.bank import Moments, class_moments
from retrieval.engine.spaces.space import heard, objects
from retrieval.models import BankMoments, PhotoBank, SceneProfile
from retrieval.selectors.matchers import matcher_in_force
from retrieval.services.site_overrides import MIN_BANK_PHOTOS, override_sounds

pytestmark = pytest.mark.django_db


def add_profiles(count, *, seed=1, spaces=None, first=0):
    """Store profiles of `count` photos; return their distributions by space."""
    rng = np.random.default_rng(seed)
    by_space = {}
    for space in spaces or (objects(whole=True), heard()):
        rows = rng.dirichlet(np.full(len(space), 0.05), size=count)
        by_space[space.name] = rows.astype(np.float32).astype(np.float64)
        SceneProfile.objects.bulk_create(
            SceneProfile(
                photo_sha256=hashlib.sha256(str(first + number).encode()).hexdigest(),
                space_id=space.name, classes=len(space), model_version=space.image_model,
                distribution=row,
            )
            for number, row in enumerate(rows)
        )  # fmt: skip
    return by_space


def moments_of(space, matcher=None):
    moments = (matcher or matcher_in_force("fused")).bank.moments[space]
    assert isinstance(moments, Moments)
    return moments


def make():
    out = StringIO()
    call_command("make_photo_bank", stdout=out)
    return out.getvalue()


def test_too_few_photos_make_no_bank():
    add_profiles(MIN_BANK_PHOTOS - 1)
    with pytest.raises(
        CommandError, match=rf"has {MIN_BANK_PHOTOS - 1} different .*bank_too_small"
    ):
        make()
    assert not PhotoBank.objects.exists()
    assert matcher_in_force("fused").bank.version.startswith("classes@")


def test_a_bank_contains_mean_and_covariance_and_applies_at_once():
    by_space = add_profiles(MIN_BANK_PHOTOS)
    assert "of 300 photos applies" in make()
    bank = PhotoBank.objects.get()
    for name in ("fused", "heard"):
        matcher = matcher_in_force(name)
        assert matcher.bank.version == f"photos-{bank.pk}@{bank.digest}"
        for space, rows in by_space.items():
            moments = moments_of(space, matcher)
            np.testing.assert_allclose(moments.mean, rows.mean(axis=0), atol=1e-8)
            covariance = np.cov(rows, rowvar=False, bias=True)
            np.testing.assert_allclose(moments.covariance, covariance, atol=1e-12)
    assert matcher_in_force("paper").bank.version.startswith("classes@")


def test_photos_without_a_profile_in_every_space_do_not_count():
    add_profiles(MIN_BANK_PHOTOS)
    add_profiles(50, spaces=[objects(whole=True)], first=MIN_BANK_PHOTOS)
    make()
    assert PhotoBank.objects.get().photos == MIN_BANK_PHOTOS


def test_the_newest_bank_applies_and_changes_the_index_rows():
    add_profiles(MIN_BANK_PHOTOS)
    make()
    before = matcher_in_force("fused").rows_version
    add_profiles(20, first=MIN_BANK_PHOTOS, seed=2)
    make()
    newest = PhotoBank.objects.latest("id")
    assert newest.photos == MIN_BANK_PHOTOS + 20
    assert matcher_in_force("fused").bank.version == f"photos-{newest.pk}@{newest.digest}"
    assert matcher_in_force("fused").rows_version != before


def test_after_an_override_the_bank_applies_to_objects_only():
    """An override changes photo profiles, not the index rows of recordings."""
    add_profiles(MIN_BANK_PHOTOS)
    make()
    before = matcher_in_force("fused")
    override_sounds(wnid="n02814860", sounds={"Foghorn": 1.0}, why="fog")
    after = matcher_in_force("fused")
    bank = PhotoBank.objects.get()
    assert after.bank.version == f"photos-{bank.pk}@{bank.digest}+classes"
    assert after.bank.versions == {**before.bank.versions, "heard": "classes"}
    assert after.rows_version == before.rows_version
    of_objects = (moments_of("objects", matcher).mean for matcher in (before, after))
    np.testing.assert_array_equal(*of_objects)
    classes = class_moments(after.spaces[1])
    assert isinstance(classes, Moments)
    np.testing.assert_array_equal(moments_of("heard", after).mean, classes.mean)


def test_the_digest_is_a_hash_of_the_content():
    add_profiles(MIN_BANK_PHOTOS)
    make()
    make()
    first, same = PhotoBank.objects.order_by("id")
    digest = hashlib.sha256()
    for space in matcher_in_force("fused").spaces:
        row = BankMoments.objects.get(bank=first, space_id=space.name)
        digest.update(row.mean.astype("<f4").tobytes() + bytes(row.covariance))
    assert first.digest == same.digest == digest.hexdigest()[:12]
    add_profiles(1, first=MIN_BANK_PHOTOS, seed=2)
    make()
    assert PhotoBank.objects.latest("id").digest != first.digest


def test_a_bank_contains_no_single_photo():
    add_profiles(MIN_BANK_PHOTOS)
    make()
    kept = {field.name for field in BankMoments._meta.fields}
    assert kept == {"id", "bank", "space", "classes", "model_version", "mean", "covariance"}
    SceneProfile.objects.all().delete()
    assert moments_of("heard").mean.sum() == pytest.approx(1)

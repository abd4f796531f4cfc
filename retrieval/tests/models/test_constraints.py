"""Constraints of the database: each test violates one and expects its name."""

from __future__ import annotations

import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from retrieval.engine.spaces.space import all_spaces
from retrieval.models import (
    BankMoments,
    Clip,
    ClipProfile,
    ClipWindow,
    HeardOverride,
    ImportItem,
    JobState,
    Library,
    LibraryImport,
    LibraryProfiling,
    Match,
    MatchDivergence,
    MatchRun,
    PhotoBank,
    ProfileFailure,
    Scene,
    SceneProfile,
    Space,
    UploadTally,
)  # fmt: skip
from retrieval.tests.factories import DUMMY, dummy_space_row, unsaved_clip

pytestmark = pytest.mark.django_db

SHA = "ab" * 32
UNIFORM = np.full(7, 1 / 7)
REASONS = {"explained": 1.0, "standard": 0.0}


def broken(constraint):
    return pytest.raises(IntegrityError, match=constraint)


def save(row):
    with transaction.atomic():
        row.save(force_insert=True)
    return row


def scene(**fields):
    values = {
        "photo_sha256": SHA,
        "photo": "p.webp",
        "model_input": "p.rgb",
        "width_px": 3,
        "height_px": 2,
    }
    return Scene(**values | fields)


def run(**fields):
    values = {
        "photo_sha256": SHA, "matcher": "paper", "matcher_version": 1, "model_versions": {"a": 1},
        "snapshot": 1, "library_size": 1, "search_seconds": 0.1,
    }  # fmt: skip
    return MatchRun(**values | fields)


def profile(clip, **fields):
    values = {
        "clip": clip, "space_id": DUMMY.name, "classes": 7, "model_version": "m@1",
        "distribution": UNIFORM, "added_in": 1,
    }  # fmt: skip
    return ClipProfile(**values | fields)


def scene_profile(**fields):
    values = {
        "photo_sha256": SHA, "space_id": DUMMY.name, "classes": 7, "model_version": "m@1",
        "distribution": UNIFORM,
    }  # fmt: skip
    return SceneProfile(**values | fields)


@pytest.fixture
def clip():
    dummy_space_row()
    return save(unsaved_clip(1))


# --- jobs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"state": "lost"}, "scene_state_known"),
        ({"attempts": 4}, "scene_attempts_bounded"),
        ({"state": JobState.FAILED, "failure_code": "x"}, "scene_finished_has_time"),
        ({"finished_at": timezone.now()}, "scene_finished_has_time"),
        ({"state": JobState.FAILED, "finished_at": timezone.now()}, "scene_failed_has_code"),
        ({"failure_code": "poison"}, "scene_failed_has_code"),
        ({"state": JobState.PROCESSING}, "scene_processing_has_lease"),
        ({"state": JobState.PROCESSING, "lease_owner": "w"}, "scene_processing_has_lease"),
        ({"lease_owner": "w"}, "scene_processing_has_lease"),
        ({"state": JobState.DONE, "finished_at": timezone.now()}, "scene_done_has_run"),
        ({"photo_sha256": "XY"}, "scene_sha256_form"),
        ({"width_px": 0}, "scene_has_pixels"),
    ],
)
def test_constraints_of_a_scene(fields, constraint):
    with broken(f"retrieval_{constraint}"):
        save(scene(**fields))


def test_a_scene_in_every_state():
    save(scene())
    lease = {"lease_owner": "w", "lease_expires_at": timezone.now() + timedelta(minutes=1)}
    save(scene(state=JobState.PROCESSING, attempts=3, **lease))
    now = timezone.now()
    save(scene(state=JobState.FAILED, finished_at=now, failure_code="poison"))
    save(scene(state=JobState.DONE, finished_at=now, run=save(run())))


def test_a_scene_has_an_unguessable_id():
    assert scene().id.version == 4
    assert isinstance(scene().id, uuid.UUID)
    assert scene().id != scene().id


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"removed_in": 1}, "clip_leaves_after_coming"),
        ({"withdrawn_reason": "too loud"}, "clip_served_has_no_reason"),
        ({"license": "mine"}, "clip_license_known"),
        ({"sha256": SHA.upper()}, "clip_sha256_form"),
        ({"duration_s": 0}, "clip_has_sound"),
        ({"flags": ["speech", "unknown"]}, "clip_flags_known"),
    ],
)
def test_constraints_of_a_clip(fields, constraint):
    with broken(f"retrieval_{constraint}"):
        save(unsaved_clip(1, **fields))


def test_a_clip_has_its_first_snapshot():
    with broken("added_in"):
        save(unsaved_clip(1, added_in=None))


def test_a_clip_has_any_number_of_flags():
    save(unsaved_clip(1, flags=["speech", "music", "noise", "silence"]))
    save(unsaved_clip(2, flags=[]))


def test_one_clip_per_content(clip):
    with broken("retrieval_clip_content_once"):
        save(unsaved_clip(2, sha256=clip.sha256))


# --- profiles --------------------------------------------------------------------------------


def test_one_profile_per_clip_space_and_model(clip):
    save(profile(clip))
    save(profile(clip, model_version="m@2"))
    with broken("retrieval_clipprofile_once"):
        save(profile(clip))


def test_one_profile_per_photo_space_and_model(clip):
    save(scene_profile())
    with broken("retrieval_sceneprofile_once"):
        save(scene_profile())


@pytest.mark.parametrize("make", [profile, lambda clip, **fields: scene_profile(**fields)])
@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"distribution": np.full(8, 1 / 8)}, "fills_space"),
        ({"distribution": np.full(8, 1 / 8), "classes": 8}, "fits"),
        ({"space_id": "objects"}, "fits"),
    ],
)
def test_a_profile_has_as_many_values_as_its_space_has_classes(clip, make, fields, constraint):
    with broken(constraint):
        save(make(clip, **fields))


@pytest.mark.parametrize(("classes", "groups"), [(7, 6), (7, 8), (70, 70)])
def test_a_profile_has_the_sum_of_each_group(clip, classes, groups):
    Space.objects.create(name="wide", classes=70)
    space = "wide" if classes == 70 else DUMMY.name
    of = {"space_id": space, "classes": classes, "distribution": np.full(classes, 1 / classes)}
    with broken("retrieval_clipprofile_sums_every_group"):
        save(profile(clip, **of, group_sums=np.full(groups, 1 / groups)))
    save(profile(clip, **of, group_sums=np.full(min(classes, 64), 0.25)))
    assert ClipProfile.objects.get().group_sums.tolist() == [0.25] * min(classes, 64)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_profile_is_finite(clip, value):
    with pytest.raises(DataError, match="not allowed in vector"):
        save(profile(clip, distribution=[value, *UNIFORM[1:]]))


def test_a_profile_is_read_back_exactly(clip):
    values = np.random.default_rng(3).dirichlet(np.full(7, 0.1)).astype(np.float32)
    save(profile(clip, distribution=values))
    stored = ClipProfile.objects.get().distribution
    assert stored.dtype == np.float32
    assert stored.tobytes() == values.tobytes()


def test_one_window_per_position(clip):
    of = save(profile(clip))
    save(ClipWindow(profile=of, classes=7, position=0, start_s=0, distribution=UNIFORM))
    with broken("retrieval_clipwindow_once"):
        save(ClipWindow(profile=of, classes=7, position=0, start_s=20, distribution=UNIFORM))
    with broken("retrieval_clipwindow_starts_in_clip"):
        save(ClipWindow(profile=of, classes=7, position=1, start_s=-1, distribution=UNIFORM))


def test_a_space_has_classes():
    with broken("retrieval_space_has_classes"):
        save(Space(name="empty", classes=0))


# --- matches ---------------------------------------------------------------------------------


def test_one_match_per_run_and_rank_and_clip(clip):
    of, other = save(run()), save(unsaved_clip(2))
    save(Match(run=of, clip=clip, rank=1, score=-1))
    with broken("retrieval_match_rank_once"):
        save(Match(run=of, clip=other, rank=1, score=-1))
    with broken("retrieval_match_clip_once"):
        save(Match(run=of, clip=clip, rank=2, score=-1))


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"rank": 0}, "match_rank_from_1"),
        ({"score": float("nan")}, "match_score_finite"),
        ({"score": float("-inf")}, "match_score_finite"),
        ({"strength": "unknown"} | REASONS, "match_strength_known"),
        ({"strength": "none"}, "match_strength_has_reasons"),
        *[
            ({"strength": "fair"} | REASONS | bad, "match_strength_has_reasons")
            for bad in (
                {"explained": None},
                {"explained": 1.001},
                {"explained": float("nan")},
                {"explained": float("-inf")},
                {"standard": None},
                {"standard": float("nan")},
                {"standard": float("inf")},
                {"standard": float("-inf")},
            )
        ],
    ],
)
def test_constraints_of_a_match(clip, fields, constraint):
    values = {"run": save(run()), "clip": clip, "rank": 1, "score": -1.0}
    with broken(f"retrieval_{constraint}"):
        save(Match(**values | fields))


@pytest.mark.parametrize("divergence", [-1e-9, float("nan"), float("inf")])
def test_a_divergence_is_finite_and_not_negative(clip, divergence):
    match = save(Match(run=save(run()), clip=clip, rank=1, score=-1))
    with broken("retrieval_matchdivergence_not_negative"):
        save(MatchDivergence(match=match, space_id=DUMMY.name, divergence_nats=divergence))


def test_one_divergence_per_match_and_space(clip):
    match = save(Match(run=save(run()), clip=clip, rank=1, score=-1))
    save(MatchDivergence(match=match, space_id=DUMMY.name, divergence_nats=0))
    with broken("retrieval_matchdivergence_once"):
        save(MatchDivergence(match=match, space_id=DUMMY.name, divergence_nats=1))


def test_a_match_has_any_strength_or_none(clip):
    of = save(run())
    save(Match(run=of, clip=clip, rank=1, score=-1))
    for rank, strength in enumerate(("none", "weak", "fair", "strong"), start=2):
        other = save(unsaved_clip(rank))
        reasons = {"explained": -40.0, "standard": -3.0} if strength == "none" else REASONS
        save(Match(run=of, clip=other, rank=rank, score=-1, strength=strength, **reasons))


def test_one_run_per_photo_matcher_models_bank_and_snapshot():
    save(run())
    save(run(snapshot=2))
    save(run(bank="photos-1"))
    save(run(matcher="heard"))
    save(run(matcher_version=2))
    save(run(model_versions={"a": 2}))
    with broken("retrieval_matchrun_once"):
        save(run())


# --- library and imports ---------------------------------------------------------------------


def test_there_is_one_library():
    assert Library.objects.count() == 1
    with broken("retrieval_library_single"):
        save(Library(id=2))


def test_snapshots_are_not_negative():
    with broken("retrieval_library_snapshot_counts"), transaction.atomic():
        Library.objects.update(snapshot=-1)


def test_one_outcome_per_file_and_a_code_for_failures():
    values = {"source": "/m.csv", "path": "a.ogg", "byte_size": 1, "modified_ns": 1}
    save(ImportItem(**values, outcome="imported"))
    with broken("retrieval_importitem_once"):
        save(ImportItem(**values, outcome="duplicate"))
    with broken("retrieval_importitem_failed_has_code"):
        save(ImportItem(**values | {"path": "b.ogg"}, outcome="failed"))
    with broken("retrieval_importitem_outcome_known"):
        save(ImportItem(**values | {"path": "c.ogg"}, outcome="maybe", code=""))


def test_a_matched_clip_cannot_be_deleted(clip):
    save(Match(run=save(run()), clip=clip, rank=1, score=-1))
    with pytest.raises(Exception, match="protected foreign keys"):
        Clip.objects.get().delete()


def test_a_background_import_has_an_absolute_path():
    with broken("retrieval_libraryimport_absolute"):
        save(LibraryImport(source="library.csv"))


# --- overrides and photo banks --------------------------------------------------------------


def override(**fields):
    values = {"wnid": "n09332890", "sounds": {"Wind": 1.0}, "why": "we were there"}
    return HeardOverride(**values | fields)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"wnid": "lakeside"}, "heardoverride_wnid_form"),
        ({"wnid": "n0933289"}, "heardoverride_wnid_form"),
        ({"wnid": "n093328901"}, "heardoverride_wnid_form"),
        ({"why": ""}, "heardoverride_has_reason"),
    ],
)
def test_an_override_has_a_class_and_a_reason(fields, constraint):
    with broken(f"retrieval_{constraint}"):
        save(override(**fields))


def test_a_class_can_be_overridden_repeatedly():
    for _ in range(2):
        save(override())
    save(override(sounds={}, taken_back=True))


def moments(bank, **fields):
    dummy_space_row()
    values = {
        "bank": bank, "space_id": DUMMY.name, "classes": 7, "model_version": "m@1",
        "mean": UNIFORM, "covariance": bytes(7 * 7 * 8),
    }  # fmt: skip
    return BankMoments(**values | fields)


@pytest.mark.parametrize("photos", [0, 1])
def test_a_bank_has_at_least_two_photos(photos):
    with broken("retrieval_photobank_has_photos"):
        save(PhotoBank(photos=photos))
    save(PhotoBank(photos=2))


def test_one_set_of_moments_per_bank_and_space():
    bank = save(PhotoBank(photos=9))
    save(moments(bank))
    save(moments(save(PhotoBank(photos=9))))
    with broken("retrieval_bankmoments_once"):
        save(moments(bank, model_version="m@2"))


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"mean": np.full(8, 1 / 8)}, "mean_fills_space"),
        ({"covariance": bytes(7 * 7 * 4)}, "covariance_fills_space"),
        ({"covariance": bytes(7 * 7 * 8 - 1)}, "covariance_fills_space"),
        ({"covariance": b""}, "covariance_fills_space"),
        (
            {"mean": np.full(8, 1 / 8), "classes": 8, "covariance": bytes(8 * 8 * 8)},
            "fits",
        ),
        ({"space_id": "objects"}, "fits"),
    ],
)
def test_moments_have_as_many_values_as_their_space_has_classes(fields, constraint):
    with broken(f"retrieval_bankmoments_{constraint}"):
        save(moments(save(PhotoBank(photos=9)), **fields))


def test_a_mean_is_finite():
    with pytest.raises(DataError, match="not allowed in vector"):
        save(moments(save(PhotoBank(photos=9)), mean=[float("nan"), *UNIFORM[1:]]))


def test_moments_are_deleted_with_their_bank_and_protect_their_space():
    bank = save(PhotoBank(photos=9))
    save(moments(bank))
    with pytest.raises(Exception, match="protected foreign keys"):
        Space.objects.get(name=DUMMY.name).delete()
    bank.delete()
    assert not BankMoments.objects.exists()


# --- profiling jobs --------------------------------------------------------------------------


def profiling(**fields):
    dummy_space_row()
    return LibraryProfiling(**{"space_id": DUMMY.name, "model_version": "m@1"} | fields)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"state": "lost"}, "state_known"),
        ({"attempts": 4}, "attempts_bounded"),
        ({"state": JobState.DONE}, "finished_has_time"),
        ({"finished_at": timezone.now()}, "finished_has_time"),
        ({"state": JobState.FAILED, "finished_at": timezone.now()}, "failed_has_code"),
        ({"failure_code": "poison"}, "failed_has_code"),
        ({"state": JobState.PROCESSING}, "processing_has_lease"),
        ({"lease_owner": "w"}, "processing_has_lease"),
    ],
)
def test_constraints_of_a_profiling_job(fields, constraint):
    with broken(f"retrieval_libraryprofiling_{constraint}"):
        save(profiling(**fields))


def test_one_open_profiling_job_per_space_and_model():
    lease = {"lease_owner": "w", "lease_expires_at": timezone.now() + timedelta(minutes=1)}
    now = timezone.now()
    save(profiling(state=JobState.DONE, finished_at=now))
    save(profiling(state=JobState.FAILED, finished_at=now, failure_code="x"))
    save(profiling(state=JobState.PROCESSING, **lease))
    with broken("retrieval_libraryprofiling_one_at_a_time"):
        save(profiling())
    save(profiling(model_version="m@2"))
    with broken("retrieval_libraryprofiling_one_at_a_time"):
        save(profiling(model_version="m@2"))


def test_one_profile_failure_per_clip_space_and_model_with_a_code(clip):
    values = {"clip": clip, "space_id": DUMMY.name, "model_version": "m@1", "code": "x"}
    save(ProfileFailure(**values))
    save(ProfileFailure(**values | {"model_version": "m@2"}))
    save(ProfileFailure(**values | {"space_id": "objects"}))
    with broken("retrieval_profilefailure_once"):
        save(ProfileFailure(**values | {"code": "y"}))
    with broken("retrieval_profilefailure_has_code"):
        save(ProfileFailure(**values | {"model_version": "m@3", "code": ""}))


# --- results of the migrations ---------------------------------------------------------------


def test_every_space_has_its_row():
    for space in all_spaces():
        assert Space.objects.get(name=space.name).classes == len(space)


@pytest.mark.parametrize(
    ("make", "columns"),
    [
        (lambda clip: unsaved_clip(2), ("sounds", "flags")),
        (lambda clip: run(), ("bank",)),
        (
            lambda clip: Match(run=save(run()), clip=clip, rank=1, score=-1),
            ("explained", "standard", "strength", "takes"),
        ),
    ],
)
def test_rows_can_be_inserted_without_the_newer_columns(clip, make, columns):
    """During an upgrade an older program inserts rows; the database fills in the new columns."""
    row = make(clip)
    known = [field for field in row._meta.concrete_fields if field.column not in ("id", *columns)]
    known = [field for field in known if not field.has_db_default()]
    names = ", ".join(field.column for field in known)
    places = ", ".join("%s" for _ in known)
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in known]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {row._meta.db_table} ({names}) VALUES ({places}) RETURNING id", values
        )
        (pk,) = cursor.fetchone()
    stored = type(row).objects.get(pk=pk)
    expected = {"sounds": [], "flags": [], "bank": "", "strength": "", "takes": []}
    assert {name: getattr(stored, name) for name in columns} == {
        name: expected.get(name) for name in columns
    }


def test_one_tally_per_visitor_and_day():
    row = {"visitor": "user:1", "day": "2026-11-24"}
    save(UploadTally(**row))
    with broken("retrieval_uploadtally_once"):
        save(UploadTally(**row))


@pytest.mark.parametrize("visitor", ["192.0.2.1", "user:", "browser:xyz", "somebody:1"])
def test_a_tally_has_a_hashed_visitor(visitor):
    with broken("retrieval_uploadtally_visitor_form"):
        save(UploadTally(visitor=visitor, day="2026-11-24"))


def test_a_tally_is_not_negative():
    with broken("retrieval_uploadtally_counts_up"):
        save(UploadTally(visitor="user:1", day="2026-11-24", photo_bytes=-1))

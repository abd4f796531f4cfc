"""Times of pages and queries in a large library, run in `manage.py shell`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from statistics import median
from typing import Final

import psutil
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from accounts.roles import Role
from accounts.services.api_keys import make_key
from benchmarks.large_library_rows import GROUP, SOURCE, WHOLE_EVERY, fill
from benchmarks.report import heading
from retrieval.admin.large_lists import MOST_LISTED
from retrieval.engine.spaces.space import ClassSpace
from retrieval.models import (
    JobState,
    LibraryImport,
    LibraryProfiling,
    Match,
    MatchDivergence,
    MatchRun,
    Scene,
    SceneProfile,
)
from retrieval.selectors import imports, library, profiling, similar_clips, snapshots
from retrieval.selectors.clip_details import clip_details
from retrieval.selectors.media_files import is_named
from retrieval.selectors.networks import available_spaces
from retrieval.tests.plans import large_reads

_FOR_S: Final = 2.0
_MOST: Final = 9
_LARGE: Final = frozenset(
    {"retrieval_clip", "retrieval_clipprofile", "retrieval_importitem", "retrieval_librarysnapshot"}
)
_MATCHES: Final = 12
_TAKES: Final = 3


def measure(size: int) -> None:
    """Print the time, the queries and what they read most of, for everything at one size."""
    began = time.perf_counter()
    fill(size)
    heading(f"{size:,} recordings (made in {time.perf_counter() - began:.0f} s)")
    print(f"{'':<52}{'ms':>10}{'cpu ms':>10}{'queries':>8}  tables of which half is read")
    with override_settings(SOUNDSCAPE_SECOND_FACTOR_REQUIRED=False, ALLOWED_HOSTS=["*"]):
        for name, act in _acts(size):
            _print_times(name, act, size)


def _print_times(name: str, act: Callable[[], object], size: int) -> None:
    with CaptureQueriesContext(connection) as captured:
        act()
    queries = [query["sql"] for query in captured]
    times_s: list[float] = []
    processor_s = _processor_s()
    while not times_s or (len(times_s) < _MOST and sum(times_s) < _FOR_S):
        began = time.perf_counter()
        act()
        times_s.append(time.perf_counter() - began)
    processor_s = (_processor_s() - processor_s) / len(times_s)
    whole = sorted({table for sql in queries for table in large_reads(sql, _LARGE, rows=size // 2)})
    print(
        f"{name:<52}{1000 * median(times_s):>10.1f}{1000 * processor_s:>10.1f}{len(queries):>8}  "
        f"{', '.join(whole).replace('retrieval_', '')}".rstrip(),
        flush=True,
    )


def _processor_s() -> float:
    """Return the processor time of this process, its backend and PostgreSQL's ended workers."""
    backend = psutil.Process(connection.connection.info.backend_pid)
    postmaster, own = backend.parent(), backend.cpu_times()
    ended = postmaster.cpu_times() if postmaster else own
    server_s = own.user + own.system + ended.children_user + ended.children_system
    return time.process_time() + server_s


def _acts(size: int) -> Iterator[tuple[str, Callable[[], object]]]:
    yield from _selectors(size)
    yield from _pages(size)
    yield from _programs(size)


def _selectors(size: int) -> Iterator[tuple[str, Callable[[], object]]]:
    spread = [WHOLE_EVERY * (1 + n * (size // WHOLE_EVERY - 2) // 60) for n in range(60)]
    models = {space.name: space.audio_model for space in available_spaces()}
    newest, heard = size // GROUP + 1, _heard()
    details = clip_details(spread[30], with_withdrawn=True)
    yield "profiles_of, 60 recordings", partial(library.profiles_of, spread, model_versions=models)
    yield "clips_by_id, 60 recordings", partial(library.clips_by_id, spread)
    yield "clips_that_play, 60 recordings", partial(library.clips_that_play, spread)
    yield "library_state", library.library_state
    yield "library_has_clips", library.library_has_clips
    yield "removed_clip_ids", partial(library.removed_clip_ids, up_to=newest + 60)
    for name, used in (("two spaces", models), ("one space", {heard.name: models[heard.name]})):
        yield f"profiled_clips, one new snapshot, {name}", partial(_new_profiles, used, newest)
    yield "similar_clips", partial(
        similar_clips.similar_clips, details, space=heard.name, limit=10  # type: ignore[arg-type]
    )  # fmt: skip
    yield (
        "missing profiles (sweeper, hourly)",
        partial(profiling.unprofiled_count, heard.name, heard.audio_model),
    )
    yield "outcome_counts of one import", partial(imports.outcome_counts, SOURCE)
    yield "settled_count (start of the site)", partial(imports.settled_count, SOURCE)
    yield "clip_count (start of the site)", library.clip_count
    yield "is_named: whether rows need a file", partial(is_named, "photos/none.jpg")
    yield "changes of the newest 50 snapshots", _newest_changes


def _new_profiles(models: Mapping[str, str], snapshot: int) -> object:
    return list(library.profiled_clips(model_versions=models, after=snapshot - 1, up_to=snapshot))


def _heard() -> ClassSpace:
    return next(space for space in available_spaces() if space.name == "heard")


def _newest_changes() -> object:
    found = snapshots.snapshots().order_by(*snapshots.NEWEST_FIRST)[:50]
    return snapshots.changes_of(list(found))


def _pages(size: int) -> Iterator[tuple[str, Callable[[], object]]]:
    visitor, operator = Client(), Client()
    user, _ = User.objects.get_or_create(
        username="operator", is_staff=True, is_superuser=True, email="operator@example.org"
    )
    operator.force_login(user)
    yield "page: front", partial(_get, visitor, "/")
    scene = _scene(size)
    yield "page: result", partial(_get, visitor, f"/scenes/{scene.pk}/")
    clips, last = "/admin/retrieval/clip/", min(MOST_LISTED, size) // 50
    for name, query in (
        ("newest", ""), ("second page", "?p=2"), ("page in the middle", f"?p={last // 2}"),
        ("last page", f"?p={last}"), ("search: a frequent word", "?q=waves"),
        ("search: a rare word", "?q=place77"), ("search: two words", "?q=volcano+swamp"),
        ("search: a path", "?q=recording-7777"), ("search: nothing", "?q=zzzzzz"),
        ("filter: withdrawn", "?withdrawn=yes"), ("filter: not withdrawn", "?withdrawn=no"),
        ("filter: flag", "?flag=speech"), ("filter: licence", "?license__exact=CC0-1.0"),
        ("filter: rare licence", "?license__exact=unknown"),
        ("filter: collection", "?collection=Collection+59"),
        ("filter: frequent collection", "?collection=Collection+0"),
        ("by length", "?o=2"), ("by time", "?o=6"),
    ):  # fmt: skip
        yield f"admin recordings, {name}", partial(_get, operator, clips + query)
    yield "admin recording", partial(_get, operator, f"{clips}{size}/change/")
    items = "/admin/retrieval/importitem/"
    for name, query in (
        ("newest", ""), ("last page", f"?p={last}"), ("search", "?q=recording-7777"),
        ("filter: imported", "?outcome__exact=imported"),
        ("filter: failed", "?outcome__exact=failed"), ("filter: code", "?code=decode_failed_1"),
        ("by time", "?o=6"),
    ):  # fmt: skip
        yield f"admin files, {name}", partial(_get, operator, items + query)
    job, _ = LibraryImport.objects.get_or_create(source=SOURCE)
    yield "admin imports", partial(_get, operator, "/admin/retrieval/libraryimport/")
    yield (
        "admin import",
        partial(_get, operator, f"/admin/retrieval/libraryimport/{job.pk}/change/"),
    )
    space = _heard()
    LibraryProfiling.objects.get_or_create(space_id=space.name, model_version=space.audio_model)
    yield "admin profilings", partial(_get, operator, "/admin/retrieval/libraryprofiling/")
    yield "admin front", partial(_get, operator, "/admin/")


def _programs(size: int) -> Iterator[tuple[str, Callable[[], object]]]:
    name = f"program{uuid.uuid4().hex[:8]}"
    user = User.objects.create_user(name, f"{name}@example.org")
    user.groups.add(Group.objects.get(name=Role.LIBRARIAN))
    _key, secret = make_key(
        user_id=user.pk, name="key", scopes=["clips:read", "clips:write"],
        valid_for=timedelta(days=1),
    )  # fmt: skip
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    clips, snapshot = "/api/v1/clips", size // GROUP // 2
    for name, query in (
        ("newest", ""), ("q: a frequent word", "?q=waves"), ("q: a rare word", "?q=place77"),
        ("q: two words", "?q=volcano+swamp"), ("q: nothing", "?q=zzzzzz"),
        ("q: a frequent word, old ones", f"?q=waves&snapshot={snapshot}"),
        ("licence", "?license=CC0-1.0"), ("rare licence", "?license=unknown"),
        ("commercial use", "?commercial_use=true"), ("tag", "?tag=waves"),
        ("rare tag", "?tag=tag77"), ("sound", "?sound=Speech"), ("rare sound", "?sound=Pulleys"),
        ("collection", "?collection=Collection+0"),
        ("rare collection", "?collection=Collection+59"),
        ("at least 15 s", "?min_duration_s=15"), ("at least 300 s", "?min_duration_s=300"),
        ("at most 5 s", "?max_duration_s=5.0001"),
        ("commercial use, at least 100 s, word",
         "?commercial_use=true&min_duration_s=100&q=waves"),
        ("an early snapshot", f"?snapshot={snapshot}"), ("withdrawn", "?withdrawn=true"),
        ("nothing fits: tag and sound", "?tag=tag77&sound=Pulleys&license=unknown"),
    ):  # fmt: skip
        yield f"API recordings, {name}", partial(_get, program, clips + query)
    yield "API recording", partial(_get, program, f"{clips}/{size}")
    yield "API similar recordings", partial(_get, program, f"{clips}/{size}/similar")
    yield "API snapshots", partial(_get, program, "/api/v1/library/snapshots")
    job = LibraryImport.objects.get(source=SOURCE)
    yield "API import", partial(_get, program, f"/api/v1/imports/{job.pk}")


def _get(client: Client, address: str) -> object:
    answer = client.get(address)
    if answer.status_code != 200:
        raise SystemExit(f"{address} answered {answer.status_code}")
    return answer


def _scene(size: int) -> Scene:
    """Make a photo with a result: matches from all over the library, each with takes."""
    photo = uuid.uuid4().hex * 2
    heard = _heard()
    models = {
        space.name: {"image": space.image_model, "audio": space.audio_model}
        for space in available_spaces()
    }
    run = MatchRun.objects.create(
        photo_sha256=photo, matcher="fused", matcher_version=1, model_versions=models,
        snapshot=size // GROUP, library_size=size, search_seconds=0.01,
    )  # fmt: skip
    SceneProfile.objects.bulk_create(
        SceneProfile(
            photo_sha256=photo, space_id=space.name, classes=len(space),
            model_version=space.image_model, distribution=[1 / len(space)] * len(space),
        )
        for space in available_spaces()
    )  # fmt: skip
    label = heard.vocabulary[0]
    term = {
        "label": {"index": label.index, "key": label.key, "name": label.name},
        "scene_share": 0.5, "clip_share": 0.5, "advantage_nats": 1.0, "divergence_nats": 1.0,
    }  # fmt: skip
    why = {"space": heard.name, "terms": [term], "rest_nats": 0.5, "total_nats": 1.5}
    matches = Match.objects.bulk_create(
        Match(
            run=run, clip_id=clip_id, rank=rank, score=-rank, explanations=[why],
            takes=[clip_id + 1 + take for take in range(_TAKES)],
        )
        for rank, clip_id in enumerate(_spread_ids(size), start=1)
    )  # fmt: skip
    MatchDivergence.objects.bulk_create(
        MatchDivergence(match=match, space_id=heard.name, divergence_nats=1.0) for match in matches
    )
    return Scene.objects.create(
        photo_sha256=photo, photo="photo.jpg", model_input="photo.bin", width_px=64, height_px=48,
        run=run, state=JobState.DONE, finished_at=timezone.now(),
    )  # fmt: skip


def _spread_ids(size: int) -> Sequence[int]:
    return range(10, size - _TAKES, size // _MATCHES)[:_MATCHES]

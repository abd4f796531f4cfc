"""`withdraw_clips`: withdraw and restore recordings from the command line."""

from __future__ import annotations

import io

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEntry
from retrieval.models import Clip
from retrieval.selectors.library import served_clips

pytestmark = pytest.mark.django_db


@pytest.fixture
def clips(make_clip):
    made = [make_clip(np.full(7, 0.02) + np.eye(7)[number] * 0.86) for number in range(3)]
    Clip.objects.filter(pk=made[2].pk).update(collection="Harbour")
    return made


def run(*arguments):
    out = io.StringIO()
    call_command("withdraw_clips", *map(str, arguments), stdout=out)
    return out.getvalue()


def served():
    return set(served_clips().values_list("pk", flat=True))


def audited():
    entries = AuditEntry.objects.all()  # of one transaction, so their times are equal
    return {(one.action, one.subject, one.actor_id, one.detail["reason"]) for one in entries}


def test_withdraw_and_restore(clips):
    one, other, third = (clip.pk for clip in clips)
    assert run(one, "--reason", " speech ") == "Withdrew 1 of 1 recordings.\n"
    assert served() == {other, third}
    assert Clip.objects.get(pk=one).withdrawn_reason == "speech"
    found = run(one, other, "--reason", "rights")
    assert found == "Withdrew 1 of 2 recordings; 1 needed no change.\n"
    assert run(one, "--restore", "--reason", "a mistake") == "Restored 1 of 1 recordings.\n"
    assert served() == {one, third}
    assert audited() == {
        ("clip.withdrawn", f"clip {one}", None, "speech"),
        ("clip.withdrawn", f"clip {other}", None, "rights"),
        ("clip.restored", f"clip {one}", None, "a mistake"),
    }


def test_a_whole_collection_is_withdrawn(clips):
    assert run("--collection", "Harbour", "--reason", "rights") == "Withdrew 1 of 1 recordings.\n"
    assert served() == {clip.pk for clip in clips[:2]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--reason", "x"], "clip_unknown"),
        (["--collection", "none", "--reason", "x"], "clip_unknown"),
        (["999999", "--reason", "x"], r"no recording 999999 \[clip_unknown\]"),
        (["--reason", " "], "reason_required"),
        (["--reason", "x" * 501], "invalid_reason"),
        ([], "--reason"),
    ],
)
def test_a_wrong_call_changes_nothing(clips, arguments, words):
    first = [clips[0].pk] if "clip_unknown" not in words or "999999" in words else []
    with pytest.raises(CommandError, match=words):
        run(*first, *arguments)
    assert len(served()) == len(clips)
    assert audited() == set()

"""Report photos, and decide what was reported: hide a photo, keep it, or show it again."""

from __future__ import annotations

from uuid import UUID

from django.core.validators import MaxLengthValidator
from django.db import transaction
from django.db.models.functions import Now

from accounts.services.audit import record
from retrieval.models import Scene, SceneReport
from retrieval.quotas.reports import check_reports


@transaction.atomic
def report_scene(
    *, scene_id: UUID, reason: SceneReport.Reason, words: str, reporter_key: str
) -> None:
    """Report a scene to the operators; a second open report of the same sender changes nothing.

    Raises
    ------
    Scene.DoesNotExist
        If the scene was deleted meanwhile.
    LimitExceededError
        With code ``report_limit``.
    ValidationError
        If the reason is unknown or the words are too long.
    """
    scene = _locked(scene_id)
    check_reports(reporter_key)
    report = SceneReport(scene=scene, reason=reason, words=words, reporter_key=reporter_key)
    report.clean_fields(exclude={"scene"})
    # Django checks the length of a text field in forms only.
    MaxLengthValidator(SceneReport._meta.get_field("words").max_length)(words)
    SceneReport.objects.bulk_create([report], ignore_conflicts=True)


@transaction.atomic
def hide_scene(*, scene_id: UUID, reason: str, actor_id: int | None) -> bool:
    """Hide a reported scene from all but its owner, who reads the reason, and operators.

    Like `keep_scene`, decides all open reports of the scene; returns False, and does nothing, if
    another operator has decided them.

    Raises
    ------
    Scene.DoesNotExist
        If the scene was deleted meanwhile.
    ValidationError
        If the reason is too long.
    """
    scene = _locked(scene_id)
    Scene._meta.get_field("hidden_reason").clean(reason, scene)
    reports = _decide(scene, SceneReport.Decision.HIDDEN, actor_id=actor_id)
    if reports:
        scene.hidden_at, scene.hidden_reason = Now(), reason
        scene.save(update_fields=["hidden_at", "hidden_reason"])
        _record("hidden", scene, actor_id=actor_id, reports=reports, reason=reason)
    return bool(reports)


@transaction.atomic
def keep_scene(*, scene_id: UUID, actor_id: int | None) -> bool:
    """Let a reported scene stay as it is; returns and raises as `hide_scene` does."""
    scene = _locked(scene_id)
    reports = _decide(scene, SceneReport.Decision.KEPT, actor_id=actor_id)
    if reports:
        _record("kept", scene, actor_id=actor_id, reports=reports)
    return bool(reports)


@transaction.atomic
def restore_scene(*, scene_id: UUID, actor_id: int | None) -> bool:
    """Show a hidden scene again; return False if it is not hidden.

    Raises
    ------
    Scene.DoesNotExist
        If the scene was deleted meanwhile.
    """
    scene = _locked(scene_id)
    if scene.hidden_at is None:
        return False
    _record("restored", scene, actor_id=actor_id, reason=scene.hidden_reason)
    scene.hidden_at, scene.hidden_reason = None, ""
    scene.save(update_fields=["hidden_at", "hidden_reason"])
    return True


def _locked(scene_id: UUID) -> Scene:
    """Lock a scene, so that it is neither deleted nor decided by somebody else meanwhile."""
    return Scene.objects.select_for_update(no_key=True).get(pk=scene_id)


def _decide(scene: Scene, decision: SceneReport.Decision, *, actor_id: int | None) -> int:
    """Decide the open reports of a scene; return how many there were."""
    open_reports = SceneReport.objects.filter(scene=scene, decision=SceneReport.Decision.OPEN)
    return open_reports.update(decision=decision, decided_at=Now(), decided_by_id=actor_id)


def _record(act: str, scene: Scene, *, actor_id: int | None, **detail: str | int) -> None:
    record(action=f"scene.{act}", subject=f"scene {scene.pk}", actor_id=actor_id, **detail)

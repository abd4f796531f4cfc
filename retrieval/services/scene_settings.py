"""What a photo's owner decides about it: title, who sees its page, whether reviewers judge it."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from accounts.services.audit import record
from retrieval.models import Scene, Visibility


@transaction.atomic
def change_settings(
    *,
    scene_id: UUID,
    actor_id: int | None,
    title: str | None = None,
    visibility: Visibility | None = None,
    judging_allowed: bool | None = None,
) -> Scene:
    """Change what is given; None leaves a setting as it is.

    A private photo is never judged: making it private takes the permission back, and while it is
    private the permission cannot be given.

    Raises
    ------
    Scene.DoesNotExist
        If the scene was deleted meanwhile.
    ValidationError
        If the title is too long or the visibility unknown.
    """
    scene = Scene.objects.select_for_update(no_key=True).get(pk=scene_id)
    before = {"visibility": scene.visibility, "judging_allowed": scene.judging_allowed}
    given = {"title": title, "visibility": visibility, "judging_allowed": judging_allowed}
    for name, value in given.items():
        if value is not None:
            setattr(scene, name, value)
    scene.clean_fields(exclude={field.name for field in Scene._meta.fields} - given.keys())
    if scene.visibility == Visibility.PRIVATE:
        scene.judging_allowed = False
    scene.save(update_fields=list(given))
    for name, old in before.items():
        new = getattr(scene, name)
        if new != old:
            record(
                action=f"scene.{name}_changed",
                subject=f"scene {scene_id}",
                actor_id=actor_id,
                before=old,
                after=new,
            )
    return scene

"""Change what a photo's owner decides about it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from retrieval.services.scene_settings import change_settings
from retrieval.views.access import own_scene_or_404
from retrieval.views.deletion import gone_if_deleted
from retrieval.views.pages import scene_context
from retrieval.views.scene_forms import SceneSettingsForm


@require_POST
@gone_if_deleted
def scene_settings(request: HttpRequest, scene_id: UUID) -> HttpResponse:
    """Change the settings of this visitor's scene."""
    scene = own_scene_or_404(request, scene_id)
    form = SceneSettingsForm.of(scene, request.POST)
    if not form.is_valid():
        context = scene_context(request, scene, settings_form=form)
        return render(request, "retrieval/scene.html", context, status=422)
    change_settings(scene_id=scene_id, actor_id=request.user.pk, **form.cleaned_data)
    messages.success(request, _("Your changes are saved."))
    return HttpResponseRedirect(reverse("retrieval:scene", args=[scene_id]), status=303)

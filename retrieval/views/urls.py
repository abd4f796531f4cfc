"""The routes of visitors."""

from __future__ import annotations

from django.urls import path

from retrieval.views import deletion, media, pages, uploads

app_name = "retrieval"

urlpatterns = [
    path("", pages.front, name="front"),
    path("scenes/", uploads.scene_create, name="scene_create"),
    path("scenes/<uuid:scene_id>/", pages.scene, name="scene"),
    path("scenes/<uuid:scene_id>/progress/", pages.scene_progress, name="scene_progress"),
    path("scenes/<uuid:scene_id>/more/", pages.scene_more, name="scene_more"),
    path("scenes/<uuid:scene_id>/delete/", deletion.scene_delete, name="scene_delete"),
    path("scenes/<uuid:scene_id>/photo", media.scene_photo, name="scene_photo"),
    path("samples/<slug:slug>/", uploads.sample_create, name="sample_create"),
    path("samples/<slug:slug>/photo", media.sample_photo, name="sample_photo"),
    path("clips/<int:clip_id>/<slug:version>/audio", media.clip_audio, name="clip_audio"),
]

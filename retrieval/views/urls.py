"""The routes of visitors."""

from __future__ import annotations

from django.urls import path
from django.views.generic import RedirectView

from retrieval.views import (
    deletion,
    media,
    my_data,
    my_photos,
    narrowing,
    pages,
    public_photos,
    reports,
    scene_settings,
    thumbs,
    uploads,
)

app_name = "retrieval"

urlpatterns = [
    path("", pages.front, name="front"),
    path("scenes/", uploads.scene_create, name="scene_create"),
    path("scenes/<uuid:scene_id>/", pages.scene, name="scene"),
    path("scenes/<uuid:scene_id>/progress/", pages.scene_progress, name="scene_progress"),
    path("scenes/<uuid:scene_id>/more/", pages.scene_more, name="scene_more"),
    path("scenes/<uuid:scene_id>/delete/", deletion.scene_delete, name="scene_delete"),
    path("scenes/<uuid:scene_id>/settings/", scene_settings.scene_settings, name="scene_settings"),
    path("scenes/<uuid:scene_id>/narrow/", narrowing.scene_narrow, name="scene_narrow"),
    path("scenes/<uuid:scene_id>/report/", reports.scene_report, name="scene_report"),
    path("scenes/<uuid:scene_id>/thumb/", thumbs.scene_thumb, name="scene_thumb"),
    path("scenes/<uuid:scene_id>/photo", media.scene_photo, name="scene_photo"),
    path("photos/", public_photos.public_photos, name="public_photos"),
    path("reports/", reports.reports, name="reports"),
    path("reports/<uuid:scene_id>/", reports.scene_decide, name="scene_decide"),
    path("samples/<slug:slug>/", uploads.sample_create, name="sample_create"),
    path("samples/<slug:slug>/photo", media.sample_photo, name="sample_photo"),
    path("clips/<int:clip_id>/<slug:version>/audio", media.clip_audio, name="clip_audio"),
    path("me/", RedirectView.as_view(pattern_name="retrieval:my_photos"), name="me"),
    path("me/photos/", my_photos.my_photos, name="my_photos"),
    path("me/photos/<uuid:scene_id>/title/", my_photos.photo_rename, name="photo_rename"),
    path("me/photos/<uuid:scene_id>/delete/", my_photos.photo_delete, name="photo_delete"),
    path("me/data/", my_data.my_data, name="my_data"),
    path("me/data/export/", my_data.export_create, name="export_create"),
    path("me/data/export/progress/", my_data.export_progress, name="export_progress"),
    path("me/data/export/<int:export_id>/file", my_data.export_file, name="export_file"),
    path("me/data/erase/", my_data.erase, name="erase"),
    path("erased/", my_data.erased, name="erased"),
]

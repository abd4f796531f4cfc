"""The routes of the API that concern photos and recordings."""

from __future__ import annotations

from django.urls import URLPattern, path

from retrieval.api import clips, imports, models, scene_sending, scenes, webhooks

urlpatterns: list[URLPattern] = [
    path("scenes", scene_sending.ScenesView.as_view(), name="scenes"),
    path("scenes/batch", scene_sending.SceneBatchView.as_view(), name="scene_batch"),
    path("scenes/<uuid:scene_id>", scenes.SceneDetailView.as_view(), name="scene"),
    path("scenes/<uuid:scene_id>/photo", scenes.ScenePhotoView.as_view(), name="scene_photo"),
    path("scenes/<uuid:scene_id>/rematch", scenes.SceneRematchView.as_view(), name="scene_rematch"),
    path("clips", clips.ClipsView.as_view(), name="clips"),
    path("clips/<int:clip_id>", clips.ClipDetailView.as_view(), name="clip"),
    path("clips/<int:clip_id>/audio", clips.ClipAudioView.as_view(), name="clip_audio"),
    path("clips/<int:clip_id>/similar", clips.SimilarClipsView.as_view(), name="clip_similar"),
    path("clips/<int:clip_id>/withdraw", clips.ClipWithdrawView.as_view(), name="clip_withdraw"),
    path("clips/<int:clip_id>/restore", clips.ClipRestoreView.as_view(), name="clip_restore"),
    path("imports/<int:import_id>", imports.ImportView.as_view(), name="import"),
    path("models", models.ModelsView.as_view(), name="models"),
    path("library/snapshots", models.SnapshotsView.as_view(), name="library_snapshots"),
    path("webhooks", webhooks.WebhooksView.as_view(), name="webhooks"),
    path("webhooks/<int:webhook_id>", webhooks.WebhookView.as_view(), name="webhook"),
    path("webhooks/<int:webhook_id>/test", webhooks.WebhookTestView.as_view(), name="webhook_test"),
    path(
        "webhooks/<int:webhook_id>/deliveries",
        webhooks.WebhookDeliveriesView.as_view(),
        name="webhook_deliveries",
    ),
    path(
        "webhooks/<int:webhook_id>/deliveries/<int:delivery_id>/replay",
        webhooks.WebhookReplayView.as_view(),
        name="webhook_replay",
    ),
]

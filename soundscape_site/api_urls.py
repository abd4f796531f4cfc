"""The routes of the API, version 1."""

from __future__ import annotations

from django.urls import include, path

from soundscape_site.api import views

app_name = "api"

urlpatterns = [
    path("", include("retrieval.api.urls")),
    path("", include("labelling.api.urls")),
    path("schema", views.schema, name="schema"),
    path("docs", views.docs, name="docs"),
]

"""The routes of people and roles."""

from __future__ import annotations

from django.urls import path

from accounts.views import sessions

app_name = "accounts"

urlpatterns = [
    path("accounts/sessions/<int:session_id>/end/", sessions.session_end, name="session_end"),
]

"""The routes of people and roles."""

from __future__ import annotations

from django.urls import path, re_path

from accounts.views import links, sessions

app_name = "accounts"

urlpatterns = [
    path("accounts/sessions/<int:session_id>/end/", sessions.session_end, name="session_end"),
    # In place of django-allauth's, at the same addresses.
    path(
        "accounts/confirm-email/<str:key>/", links.ConfirmEmailView.as_view(), name="confirm_email"
    ),
    re_path(
        r"^accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        links.PasswordResetFromKeyView.as_view(),
        name="reset_password",
    ),
]

"""The routes of people and roles."""

from __future__ import annotations

from django.urls import path, re_path

from accounts.views import api_keys, invitations, links, people, second_factor, sessions

app_name = "accounts"

urlpatterns = [
    path("accounts/sessions/<int:session_id>/end/", sessions.session_end, name="session_end"),
    path("me/keys/", api_keys.keys_page, name="api_keys"),
    path("me/keys/new/", api_keys.key_new, name="api_key_new"),
    path("me/keys/<int:key_id>/rotate/", api_keys.key_rotate, name="api_key_rotate"),
    path("me/keys/<int:key_id>/revoke/", api_keys.key_revoke, name="api_key_revoke"),
    path("people/", people.people_page, name="people"),
    path("people/<int:user_id>/roles/", people.person_roles, name="person_roles"),
    path("people/<int:user_id>/active/", people.person_active, name="person_active"),
    path("people/invitations/", people.invite, name="invite"),
    path(
        "people/invitations/<int:invitation_id>/again/",
        people.invitation_again,
        name="invitation_again",
    ),
    path(
        "people/invitations/<int:invitation_id>/revoke/",
        people.invitation_revoke,
        name="invitation_revoke",
    ),
    path("invitations/", invitations.invitation_page, name="invitation"),
    path("invitations/<slug:token>/", invitations.invitation_link, name="invitation_link"),
    path("first-operator/", invitations.first_operator, name="first_operator"),
    # In place of django-allauth's, at the same addresses.
    path(
        "accounts/2fa/authenticate/",
        second_factor.AuthenticateView.as_view(),
        name="authenticate",
    ),
    path(
        "accounts/confirm-email/<str:key>/", links.ConfirmEmailView.as_view(), name="confirm_email"
    ),
    re_path(
        r"^accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        links.PasswordResetFromKeyView.as_view(),
        name="reset_password",
    ),
]

"""My page: the keys with which a person's programs use the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import ApiKey, User
from accounts.scopes import Scope, scopes_for
from accounts.selectors.api_keys import key_of_person, keys_of
from accounts.selectors.roles import roles_of
from accounts.services.api_keys import (
    MOST_KEYS,
    KeyChangedError,
    TooManyKeysError,
    make_key,
    revoke_key,
    rotate_key,
)
from accounts.views.key_forms import KeyForm, RotateForm


@require_safe
@never_cache
@login_required
def keys_page(request: HttpRequest) -> HttpResponse:
    """List the person's keys."""
    now = timezone.now()
    keys = [
        {"key": key, "scopes": _scopes_in_words(key), "expired": _has_expired(key, now)}
        for key in keys_of(_user_id(request))
    ]
    return render(request, "me/keys.html", {"keys": keys, "me": "keys"})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@reauthentication_required  # type: ignore[untyped-decorator] # allauth has no types
def key_new(request: HttpRequest) -> HttpResponse:
    """Make a key and show its secret, which no other answer does."""
    assert isinstance(request.user, User)  # the page needs a log-in
    form = KeyForm(
        request.POST if request.method == "POST" else None,
        allowed=scopes_for(roles_of(request.user)),
    )
    if request.method == "POST" and form.is_valid():
        try:
            key, secret = make_key(
                user_id=request.user.pk,
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                valid_for=timedelta(days=form.cleaned_data["days"]),
            )
        except ValidationError as error:
            form.add_error("name", error.messages)
        except TooManyKeysError:
            words = _("You have %(most)d keys. Revoke one that you no longer use first.")
            form.add_error(None, words % {"most": MOST_KEYS})
        except User.DoesNotExist as error:  # closed in this moment
            raise Http404(str(error)) from error
        else:
            return _secret(request, key, secret)
    status = 400 if form.is_bound else 200
    return render(request, "me/key_new.html", {"form": form, "me": "keys"}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@reauthentication_required  # type: ignore[untyped-decorator] # allauth has no types
def key_rotate(request: HttpRequest, key_id: int) -> HttpResponse:
    """Give a key a new secret and show it."""
    key = _own_key(request, key_id)
    if _has_expired(key, timezone.now()):
        raise Http404(f"key {key_id} has expired")
    form = RotateForm(
        request.POST if request.method == "POST" else None, initial={"begins": key.token_key}
    )
    if form.is_valid():
        try:
            key, secret = rotate_key(key_id=key_id, actor_id=_user_id(request), **form.cleaned_data)
        except KeyChangedError:
            messages.error(request, _("Nothing was changed: the key was rotated in the meantime."))
            return redirect("accounts:api_keys")
        return _secret(request, key, secret)
    context = {"form": form, "key": key, "me": "keys"}
    return render(request, "me/key_rotate.html", context, status=400 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def key_revoke(request: HttpRequest, key_id: int) -> HttpResponse:
    """Ask, then end a key at once."""
    key = _own_key(request, key_id)
    if request.method != "POST":
        return render(request, "me/key_revoke.html", {"key": key, "me": "keys"})
    revoke_key(key_id=key_id, actor_id=_user_id(request))
    messages.success(request, _("The key “%(name)s” is revoked.") % {"name": key.name})
    return redirect("accounts:api_keys")


def _secret(request: HttpRequest, key: ApiKey, secret: str) -> HttpResponse:
    """Answer with the secret itself: a redirect would have to keep it somewhere."""
    context: dict[str, Any] = {
        "key": key,
        "secret": secret,
        "scopes": _scopes_in_words(key),
        "me": "keys",
    }
    return render(request, "me/key_secret.html", context)


def _own_key(request: HttpRequest, key_id: int) -> ApiKey:
    key = key_of_person(_user_id(request), key_id)
    if key is None:
        raise Http404(f"the person has no key {key_id}")
    return key


def _has_expired(key: ApiKey, now: Any) -> bool:
    return key.expiry is None or key.expiry <= now


def _scopes_in_words(key: ApiKey) -> list[str]:
    return [str(Scope(scope).label) for scope in key.scopes]


def _user_id(request: HttpRequest) -> int:
    assert request.user.pk is not None
    return request.user.pk

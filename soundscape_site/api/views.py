"""The API's description: for programs, and as a page. Neither needs a key."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import condition, require_safe

from accounts.scopes import ROLES_OF_SCOPE, Scope
from retrieval.api.scene_serializers import MOST_IN_BATCH
from retrieval.api.waiting import MOST_SECONDS
from retrieval.services.scenes import MATCHES_KEPT
from soundscape_site.api.codes import all_codes
from soundscape_site.api.description import description_json
from soundscape_site.api.limits import stated_limits
from soundscape_site.api.prose import (
    SAMPLE_MESSAGE,
    SIGNATURE_CHECK,
    client_setup,
    first_call,
    sample_problem,
)
from soundscape_site.api.reference import groups


def _etag(request: HttpRequest) -> str:
    return description_json()[1]


@require_safe
@cache_control(public=True, max_age=300)
@condition(etag_func=_etag)
def schema(request: HttpRequest) -> HttpResponse:
    """Answer the description (OpenAPI 3.1)."""
    return HttpResponse(description_json()[0], content_type="application/json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show how programs call the API."""
    base = request.build_absolute_uri("/").rstrip("/")
    context = {
        "base": base,
        "first_call": first_call(base),
        "sample_problem": sample_problem(),
        "sample_message": SAMPLE_MESSAGE,
        "signature_check": SIGNATURE_CHECK,
        "client_setup": client_setup(base),
        "limits": stated_limits(),
        "most_in_batch": MOST_IN_BATCH,
        "most_wait_s": MOST_SECONDS,
        "matches_kept": MATCHES_KEPT,
        "groups": groups(base),
        "codes": all_codes(),
        "scopes": [
            {
                "name": scope.value,
                "label": scope.label,
                "roles": sorted(ROLES_OF_SCOPE.get(scope, ())),
            }
            for scope in Scope
        ],
    }
    return render(request, "api/docs.html", context)

"""The page of campaigns."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from labelling.views.access import lead_required


@require_safe
@never_cache
@lead_required
def campaigns(request: HttpRequest) -> HttpResponse:
    """Show the campaigns."""
    return render(request, "labelling/campaigns.html", {"tab": "campaigns"})

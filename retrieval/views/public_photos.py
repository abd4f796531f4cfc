"""The list of public photos."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from retrieval.selectors.public_photos import public_page
from retrieval.views.positions import name_of, position_in

PAGE_SIZE: Final = 24


@gzip_page
@require_safe
@never_cache
def public_photos(request: HttpRequest) -> HttpResponse:
    """Show a page of the public photos, newest first."""
    after = position_in(request)
    photos, end = public_page(after=after, size=PAGE_SIZE)
    context = {"photos": photos, "end": name_of(end), "later": after is not None}
    return render(request, "retrieval/public_photos.html", context)

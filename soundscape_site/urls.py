"""The site's routes."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.urls.resolvers import RoutePattern

from accounts.views.transactions import TransactionResolver
from soundscape_site.web import health

handler404 = "soundscape_site.web.error_pages.not_found"
handler400 = "soundscape_site.web.error_pages.bad_request"
handler429 = "soundscape_site.web.error_pages.too_many_requests"  # django-allauth calls it
handler500 = "soundscape_site.web.error_pages.server_error"

urlpatterns = [
    path("api/v1/", include("soundscape_site.api_urls")),
    path("", include("retrieval.views.urls")),
    path("", include("labelling.views.urls")),
    path("", include("accounts.views.urls")),  # before allauth's, of which it replaces some
    TransactionResolver(RoutePattern("accounts/"), "allauth.urls"),
    path("admin/", admin.site.urls),
    path("readyz", health.readyz),
]

"""What a partner's host answers."""

from __future__ import annotations

from django.urls import include, path

from hub.config.probes import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("account/", include("allauth.urls")),
    path("", include("hub.portal.urls")),
]

handler500 = "hub.portal.views.errors.server_error"

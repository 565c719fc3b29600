"""What the bare host answers: a landing page and the probes. No partner's data is reachable."""

from __future__ import annotations

from django.urls import path

from hub.config.landing import landing
from hub.config.probes import healthz, metrics, readyz

urlpatterns = [
    path("", landing, name="landing"),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]

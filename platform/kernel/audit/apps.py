from __future__ import annotations

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class AuditConfig(AppConfig):
    name = "kernel.audit"
    label = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        """Every app that has acts of its own declares them in its `acts.py`."""
        autodiscover_modules("acts")

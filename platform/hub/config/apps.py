from __future__ import annotations

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "hub.config"
    label = "config"
    verbose_name = "Configuration"

    def ready(self) -> None:
        """Register the numbered system checks."""
        from hub.config import checks  # noqa: PLC0415  the registry must be loaded first

        checks.register()

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "hub.sync"
    label = "sync"
    verbose_name = "Sync"

    def ready(self) -> None:
        """Declare the acts on the path."""
        import_module("hub.sync.acts")

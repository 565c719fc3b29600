"""A worker process: ``dramatiq hub.config.worker``."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.config.settings")
django.setup()

import dramatiq  # noqa: E402

from hub.sync import actors  # noqa: E402 - models load only after setup
from hub.sync.broker import broker  # noqa: E402
from hub.sync.inherit import inherit  # noqa: E402

__all__ = ["actors", "broker"]


class Successor(dramatiq.Middleware):
    """Takes over from its predecessor, once, before it takes work of its own."""

    def after_process_boot(self, broker: dramatiq.Broker) -> None:
        inherit()


broker.add_middleware(Successor())

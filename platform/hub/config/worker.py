"""A worker process: ``dramatiq hub.config.worker``."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.config.settings")
django.setup()

from hub.sync import actors  # noqa: E402 - models load only after setup
from hub.sync.broker import broker  # noqa: E402

__all__ = ["actors", "broker"]

"""Numbered system checks of this installation."""

from __future__ import annotations


def register() -> None:
    """Hook the checks into Django's registry."""

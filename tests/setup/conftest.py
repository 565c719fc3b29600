"""The manual's example as an installation to look after: the fixtures of the declarations."""

from __future__ import annotations

from tests.apply.conftest import apply, declaration, edit

__all__ = ["apply", "declaration", "edit"]

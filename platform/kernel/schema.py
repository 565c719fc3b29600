"""Whose schema is active in this thread? Reading only; `tenants.context` is where it changes."""

from __future__ import annotations

from typing import Any, cast

from django.db import connection

PUBLIC = "public"


def active_schema() -> str:
    """The schema's name; ``public`` outside any partner."""
    return str(cast(Any, connection).schema_name)


def active_tenant() -> Any:
    """What the schema was activated with: a Partner's row, or a bare name in a shell object."""
    return cast(Any, connection).tenant

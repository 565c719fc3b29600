"""The brand every template of a partner's host is drawn in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from tenants.partners import selectors


def brand(request: HttpRequest) -> dict[str, Any]:
    """Template context: ``partner`` and ``brand``; both None on the bare host."""
    partner = getattr(request, "tenant", None)
    return {"partner": partner, "brand": selectors.brand_of(partner) if partner else None}

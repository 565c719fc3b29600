"""The partner's brand as files: colours and logo. Public: the sign-in page needs them."""

from __future__ import annotations

import hashlib

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from django.views.decorators.http import condition, require_safe

from tenants.partners import selectors
from tenants.partners.models import Brand

COLOURS = """:root {{
  --brand-light: {primary};
  --brand-dark: {primary_dark};
  --accent-light: {accent};
  --accent-dark: {accent_dark};
}}
"""


def _tag(request: HttpRequest) -> str:
    brand = _brand(request)
    content = f"{brand.primary}{brand.primary_dark}{brand.accent}{brand.accent_dark}".encode()
    return f'"{hashlib.sha256(content + bytes(brand.logo or b"")).hexdigest()[:16]}"'


@require_safe
@condition(etag_func=_tag)
def colours(request: HttpRequest) -> HttpResponseBase:
    """The brand's colours as custom properties."""
    brand = _brand(request)
    text = COLOURS.format(
        primary=brand.primary,
        accent=brand.accent,
        primary_dark=brand.primary_dark or brand.primary,
        accent_dark=brand.accent_dark or brand.accent,
    )
    return _kept(HttpResponse(text, content_type="text/css; charset=utf-8"))


@require_safe
@condition(etag_func=_tag)
def logo(request: HttpRequest) -> HttpResponseBase:
    """The logo, a picture we encoded ourselves. Raises Http404 where there is none."""
    brand = _brand(request)
    if not brand.logo:
        raise Http404
    return _kept(HttpResponse(bytes(brand.logo), content_type=brand.logo_type))


def _brand(request: HttpRequest) -> Brand:
    return selectors.brand_of(request.tenant)  # type: ignore[attr-defined]


def _kept(answer: HttpResponse) -> HttpResponse:
    """Kept by the browser, asked for anew each time: a change of brand shows at once."""
    patch_cache_control(answer, no_cache=True, private=True)
    return answer

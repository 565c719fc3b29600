"""Which partner does this request belong to? Its host decides, and nothing else.

Unknown host: 404. Suspended or closing partner: 503 under its own brand. `X-Forwarded-Host` and
every other header a client can set are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.http.request import split_domain_port
from django.http.response import StreamingHttpResponse
from django.shortcuts import render

from tenants.context import partner_context, public_context
from tenants.partners import selectors
from tenants.partners.models import Partner

Handler = Callable[[HttpRequest], Any]


class HostMiddleware:
    """First in the stack: sets ``request.tenant`` (a Partner, or None on a bare host)."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        request.tenant = None  # type: ignore[attr-defined]
        host = host_of(request)
        if host is None:
            return HttpResponseNotFound()
        if host in settings.PUBLIC_HOSTS:
            request.urlconf = settings.PUBLIC_SCHEMA_URLCONF
            with public_context():
                return self.get_response(request)
        with public_context():
            partner = selectors.partner_by_host(host)
        if partner is None:
            return HttpResponseNotFound()
        request.tenant = partner  # type: ignore[attr-defined]
        if partner.state != Partner.State.ACTIVE:
            return _closed(request, partner)
        with partner_context(partner):
            response = self.get_response(request)
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            response.streaming_content = _streamed_in(partner, _sync(response))
        return response


def host_of(request: HttpRequest) -> str | None:
    """The request's host in lower case without port and trailing dot; None if it isn't one."""
    try:
        host, _port = split_domain_port(request.get_host())
    except DisallowedHost:
        return None
    return host or None


def _closed(request: HttpRequest, partner: Partner) -> HttpResponse:
    brand = selectors.brand_of(partner)
    page = render(request, "partners/closed.html", {"brand": brand}, status=503)
    page["Retry-After"] = "3600"
    return page


def _sync(response: StreamingHttpResponse) -> Iterator[bytes]:
    return cast(Iterator[bytes], iter(cast(Any, response.streaming_content)))


def _streamed_in(partner: Partner, chunks: Iterator[Any]) -> Iterator[Any]:
    """A streamed body is read after the middleware has returned: enter again for each chunk."""
    while True:
        with partner_context(partner):
            try:
                chunk = next(chunks)
            except StopIteration:
                return
        yield chunk

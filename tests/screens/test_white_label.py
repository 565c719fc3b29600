"""Nothing on a partner's host says whose platform it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tenants.context import partner_context
from tenants.partners.models import Partner
from tests.isolation.routes import routes
from tests.screens.seed import seed

OURS = b"crossdock"


@pytest.mark.django_db
def test_no_page_names_the_platform(partner: Partner, sign_in: Callable[..., Client]) -> None:
    """Every route that needs no id, the merchant's pages, error pages and headers."""
    with partner_context(partner):
        made = seed(orders=22)
    client = sign_in(partner)
    values = {
        "merchant": made.merchant.slug, "kind": made.environment.kind,
        "record": made.orders[3].pk, "number": 1, "exception": made.exceptions[0].pk,
        "delivery": made.dead[0].pk, "connection": "erp", "uidb36": "x", "key": "y",
    }  # fmt: skip
    paths = [route.path(values) for route in routes()] + ["/no/such/page/"]
    stranger = Client(SERVER_NAME=client._base_environ()["SERVER_NAME"])
    named = [
        path
        for path in paths
        for browser in (client, stranger)
        if OURS in _everything(browser.get(path)).lower()
    ]
    assert not named


def test_no_template_or_static_file_names_the_platform() -> None:
    """Mails and pages that only appear in trouble are made of these."""
    root = Path(settings.ROOT)
    files = [*_files(root / "templates"), *_files(root / "static")]
    assert files
    assert not [str(file) for file in files if OURS in file.read_bytes().lower()]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _everything(answer) -> bytes:  # type: ignore[no-untyped-def]
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return body + str(answer.headers).encode()

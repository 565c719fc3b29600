"""Every line says whose it is, and no line gives a secret away."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from kernel.telemetry import logs
from tenants.context import partner_context


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the configured handler writes; the handlers before come back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    logs.configure({"level": "INFO"})
    written = io.StringIO()
    root.handlers[0].setStream(written)  # type: ignore[attr-defined]
    yield written
    root.handlers = handlers
    root.setLevel(level)


def last(written: io.StringIO) -> dict[str, object]:
    return json.loads(written.getvalue().splitlines()[-1])


def test_a_line_names_partner_merchant_connection_and_record(lines) -> None:
    with partner_context("p_1"), logs.bound(merchant="m1", connection="c1"):
        logs.log("hub.sync").info("settled", attempt=2)
    line = last(lines)
    assert (line["partner"], line["merchant"], line["connection"], line["record"]) == (
        "p_1",
        "m1",
        "c1",
        None,
    )
    assert (line["event"], line["attempt"], line["level"]) == ("settled", 2, "info")
    logs.log("hub.sync").info("outside")
    assert last(lines)["partner"] is None


def test_lines_of_libraries_carry_the_context_too(lines) -> None:
    with logs.bound(partner="p_2"):
        logging.getLogger("dramatiq").warning("worker for %s", "ada@example.com")
    line = last(lines)
    assert line["partner"] == "p_2"
    assert "ada@example.com" not in lines.getvalue()


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "CANARY"},
        {"consumer_secret": "CANARY"},
        {"headers": {"Authorization": "CANARY", "X-Wc-Webhook-Signature": "CANARY"}},
        {"items": [{"access_token": "CANARY"}]},
        {"url": "https://user:CANARY@shop.example/"},
        {"note": "sent Bearer CANARYCANARY to it"},
        {"url": "https://shop.example/?consumer_secret=CANARY&a=1"},
        {"customer": {"first_name": "CANARY", "billing_address": "CANARY", "phone": "CANARY"}},
        {"who": "CANARY@example.com"},
        {"body": b"CANARY"},
        {"deep": {"a": {"b": {"c": {"d": {"e": {"f": {"g": "CANARY"}}}}}}}},
    ],
)
def test_secrets_and_personal_data_are_masked(lines, fields) -> None:
    logs.log().info("call", **fields)
    assert "call" in lines.getvalue()
    assert "CANARY" not in lines.getvalue()


def test_a_traceback_is_masked_as_well(lines) -> None:
    try:
        raise RuntimeError("login with password=CANARY failed for ada@example.com")
    except RuntimeError:
        logs.log().exception("failed")
    assert "RuntimeError" in lines.getvalue()
    assert "CANARY" not in lines.getvalue()
    assert "ada@" not in lines.getvalue()


def test_what_is_not_secret_stays_readable(lines) -> None:
    logs.log().info("call", sku="85123A", total="25.50", count=3, ok=True)
    line = last(lines)
    assert (line["sku"], line["total"], line["count"], line["ok"]) == ("85123A", "25.50", 3, True)

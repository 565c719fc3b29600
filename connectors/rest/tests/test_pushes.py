"""Pushes: who signed them, when, and what of them is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.rest.connector import Rest
from connectors.rest.records import comparable
from connectors.rest.simulator.hooks import signature
from connectors.rest.tests.conftest import SECRETS, orders
from connectors.sdk.errors import Unreadable
from connectors.sdk.records import Heard, Hint, SourceRecord, Verdict, WebhookRequest
from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sdk.testing.receiver import receiving
from connectors.sdk.testing.simulators import Running

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ADDRESS = "https://in.example.com/hooks/abc"
HOOKS: dict[str, dict[str, Any]] = {
    "hmac": {"style": "hmac", "header": "X-Signature"},
    "stamped": {"style": "hmac", "header": "X-Signature", "sign": "{timestamp}.{body}",
                "parts": {"signature": "v1", "timestamp": "t"}},
    "address": {"style": "hmac", "header": "X-Signature", "sign": "{address}{body}",
                "algorithm": "sha1", "encoding": "base64"},
    "standard": {"style": "standard"},
    "token": {"style": "token", "header": "X-Token"},
    "basic": {"style": "basic", "username": "shop"},
}  # fmt: skip
SIGNED = sorted(set(HOOKS) - {"token", "basic"})
BODY = json.dumps({"event": "order.placed", "data": {"id": 7, "updated_at": "2026-01-01"}}).encode()


def config(style: str, push: dict[str, Any] | None = None, **stream: Any) -> dict[str, Any]:
    push = {"record": "data"} if push is None else push
    one = {"address": "/orders/one/{id}", "record": "order"}
    settings = {"url": "https://x.example", "webhook": HOOKS.get(style, {}),
                "streams": [orders(push=push, one=one, **stream)]}  # fmt: skip
    assert list(Rest.config_problems(settings)) == []
    return settings


def pushed(
    style: str,
    body: bytes = BODY,
    secret: str = KEY,
    settings: Any = None,
    headers: dict[str, str] | None = None,
) -> Verdict:
    said = {k.lower(): v for k, v in signature(style, ADDRESS, secret, BODY).items()}
    said |= headers or {}
    request = WebhookRequest("POST", said, "", body, ADDRESS, settings or config(style))
    return Rest.webhook(request, [{"webhook_secret": KEY}])


@pytest.mark.parametrize("style", HOOKS)
def test_what_is_signed_by_the_source_is_kept(style: str) -> None:
    verdict = pushed(style)
    assert verdict.status == 200, verdict.why
    (heard,) = verdict.heard
    assert heard.body == BODY[BODY.index(b'{"id"') : -1], "the record's own bytes"
    assert pushed(style).heard[0].identity == heard.identity, "copies are equal"


@pytest.mark.parametrize("style", HOOKS)
def test_what_another_signed_or_nobody_is_not(style: str) -> None:
    other = "whsec_" + KEY[6:][::-1]
    bare = WebhookRequest("POST", {}, "", BODY, ADDRESS, config(style))
    nobody = Rest.webhook(bare, [{"webhook_secret": KEY}])
    for verdict in (pushed(style, secret=other), nobody):
        assert (verdict.status, verdict.heard) == (401, ()) and verdict.why


@pytest.mark.parametrize("style", SIGNED)
def test_a_body_that_was_changed_on_the_way_is_not(style: str) -> None:
    assert pushed(style, body=BODY.replace(b"7", b"8")).status == 401


def test_the_published_vector_of_standard_webhooks_holds() -> None:
    settings = config("standard")
    settings["webhook"] = {"style": "standard", "tolerance": 1e12}
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    request = WebhookRequest("POST", headers, "", b'{"test": 2432232314}', "", settings)
    assert Rest.webhook(request, [{"webhook_secret": KEY}]).status == 200
    settings["webhook"]["tolerance"] = 300
    assert "replayed" in Rest.webhook(request, [{"webhook_secret": KEY}]).why


def test_an_old_push_is_taken_for_a_replay() -> None:
    headers = signature("stamped", ADDRESS, KEY, BODY)
    old = headers["X-Signature"].replace("t=1", "t=0")
    assert "replayed" in pushed("stamped", headers={"x-signature": old}).why


def test_while_a_secret_is_rotated_both_are_good() -> None:
    said = {k.lower(): v for k, v in signature("hmac", ADDRESS, KEY, BODY).items()}
    request = WebhookRequest("POST", said, "", BODY, ADDRESS, config("hmac"))
    assert Rest.webhook(request, [{"webhook_secret": "new"}, {"webhook_secret": KEY}]).status == 200
    assert Rest.webhook(request, [{}]).status == 401


def test_a_ping_is_answered_and_kept_nowhere() -> None:
    settings = config("hmac")
    settings["webhook"] = {**HOOKS["hmac"], "ping": {"path": "event", "values": ["order.placed"]}}
    verdict = pushed("hmac", settings=settings)
    assert (verdict.status, verdict.heard, verdict.why) == (200, (), "ping")


def test_each_push_goes_to_the_stream_that_follows_it() -> None:
    push = {"path": "event", "values": ["order.placed"], "record": "data"}
    settings = config("hmac", push)
    other = {**settings["streams"][0], "name": "returns", "push": {**push, "values": ["return"]}}
    settings["streams"].append(other)
    assert [h.stream for h in pushed("hmac", settings=settings).heard] == ["orders"]
    settings["streams"].pop(0)
    verdict = pushed("hmac", settings=settings)
    assert (verdict.status, verdict.heard) == (200, ()), "answered, or it would come for ever"


def test_a_push_of_many_records_is_kept_record_by_record() -> None:
    body = b'{"data": [{"id": 1}, {"id": 2}]}'
    said = {k.lower(): v for k, v in signature("hmac", ADDRESS, KEY, body).items()}
    request = WebhookRequest("POST", said, "", body, ADDRESS, config("hmac"))
    verdict = Rest.webhook(request, [{"webhook_secret": KEY}])
    assert [h.body for h in verdict.heard] == [b'{"id": 1}', b'{"id": 2}']


def understood(settings: Any, heard: Heard) -> Any:
    return Rest(config=settings, secrets=SECRETS, http=PlainHttp()).understand(heard)


def test_a_thin_push_is_a_hint_to_read_the_record() -> None:
    settings = config("hmac", {"record": "data", "thin": True})
    (heard,) = pushed("hmac", settings=settings).heard
    hint = understood(settings, heard)
    assert isinstance(hint, Hint) and (hint.stream, hint.external_id) == ("orders", "7")


def test_a_push_may_say_that_a_record_is_gone() -> None:
    settings = config("hmac", {"path": "event", "deleted": ["order.placed"], "record": "data"})
    (heard,) = pushed("hmac", settings=settings).heard
    record = understood(settings, heard)
    assert isinstance(record, SourceRecord) and record.deleted and record.body == {}


@pytest.mark.parametrize("body", [b"<html>", b'{"data": {"id": 1', b'{"data": {"name": "no id"}}'])
def test_a_signed_push_that_cannot_be_read_is_kept_and_parked(body: bytes) -> None:
    said = {k.lower(): v for k, v in signature("hmac", ADDRESS, KEY, body).items()}
    settings = config("hmac")
    verdict = Rest.webhook(
        WebhookRequest("POST", said, "", body, ADDRESS, settings), [{"webhook_secret": KEY}]
    )
    (heard,) = verdict.heard
    assert heard.body in body
    with pytest.raises(Unreadable):
        understood(settings, heard)


def test_the_house_pushes_what_changed(house: Running) -> None:
    with receiving() as door:
        hook = {"address": door.url, "secret": KEY, "style": "standard"}
        house.control("hook", hook)
        number = house.control("order", {})["number"]
        (request,) = door.wait(1, 60)
    settings = config("standard")
    told = WebhookRequest("POST", request.headers, "", request.body, ADDRESS, settings)
    (heard,) = Rest.webhook(told, [{"webhook_secret": KEY}]).heard
    assert understood(settings, heard).body["number"] == number


def test_versions_compare_as_they_are_meant() -> None:
    assert comparable(9) < comparable(10) < comparable("11")
    assert comparable("2026-01-01T10:00:00+02:00") < comparable("2026-01-01T09:00:00Z")
    assert comparable("2026-01-01T09:00:00Z") < comparable("2026-01-01T09:00:00.5Z")
    assert comparable(None) == ""

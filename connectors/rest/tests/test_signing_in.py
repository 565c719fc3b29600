"""Every way of signing in lets the right one in, and tells the owner of the wrong one."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.rest.tests.conftest import SECRETS, Connect, orders
from connectors.sdk.errors import AccessRefused, Owner
from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sdk.testing.simulators import Running

SIGN = "{method}\\n{path}\\n{timestamp}\\n{body_sha256}"
STYLES: dict[str, dict[str, Any]] = {
    "open": {"style": "none"},
    "key": {"style": "key", "header": "X-Api-Key"},
    "query": {"style": "key", "query": "api_key"},
    "basic": {"style": "basic", "username": "demo"},
    "bearer": {"style": "bearer"},
    "oauth": {"style": "oauth2", "address": "/token", "client_id": "demo-client"},
    "hmac": {"style": "hmac", "header": "X-Signature", "sign": SIGN, "timestamp_header": "X-Time"},
}
CREDENTIALS = sorted(set(STYLES) - {"open"})


@pytest.mark.parametrize("door", STYLES)
def test_the_right_credentials_are_let_in(connect: Connect, house: Running, door: str) -> None:
    house.control("order", {})
    connector = connect(door, auth=STYLES[door], check="/me", streams=[orders()])
    assert [(line.what, line.ok) for line in connector.check()] == [
        ("The system answers and lets us in", True), ("orders can be read", True),
    ]  # fmt: skip
    others = connect(door, auth=STYLES[door], streams=[orders()], url=f"{house.url}/other")
    assert connector.account() == connector.account() != others.account()


@pytest.mark.parametrize("door", CREDENTIALS)
def test_the_wrong_ones_are_told_to_their_owner(connect: Connect, door: str) -> None:
    wrong = dict.fromkeys(SECRETS, "wrong")
    connector = connect(door, secrets=wrong, auth=STYLES[door], check="/me", streams=[orders()])
    first = connector.check()[0]
    assert (not first.ok and "resume" in first.move) or "client secret" in first.move
    with pytest.raises(AccessRefused) as refused:
        list(connector.read("orders", {}))
    assert (refused.value.code, refused.value.owner) == ("revoked", Owner.MERCHANT)
    assert "wrong" not in str(refused.value).replace("wrong ones", "")


def test_a_token_that_runs_out_is_renewed_and_the_call_made_again(
    connect: Connect, house: Running
) -> None:
    house.control("quirks", {"token_seconds": -1})
    connector = connect("oauth", auth=STYLES["oauth"], streams=[orders()])
    with pytest.raises(AccessRefused):
        list(connector.read("orders", {}))  # even a new one is refused: asked once, not for ever
    assert house.control("counts", method="GET")["tokens"] == 2
    house.control("quirks", {})
    list(connector.read("orders", {}))
    list(connector.read("orders", {}))
    assert house.control("counts", method="GET")["tokens"] == 3


@pytest.mark.parametrize("sends", ["header", "form"])
def test_client_credentials_travel_either_way(connect: Connect, sends: str) -> None:
    style = {**STYLES["oauth"], "sends": sends}
    list(connect("oauth", auth=style, streams=[orders()]).read("orders", {}))


def test_a_host_that_nobody_answers_at_is_told_once(connect: Connect) -> None:
    connector = connect(streams=[orders()], url="http://127.0.0.1:9")
    lines = connector.check()
    assert len(lines) == 1 and not lines[0].ok and "can't be reached" in lines[0].move


def test_another_systems_address_is_told_as_such(connect: Connect, house: Running) -> None:
    connector = connect(streams=[orders()], url=f"{house.url}/elsewhere")
    with pytest.raises(AccessRefused) as refused:
        list(connector.read("orders", {}))
    assert refused.value.code == "version-changed" and "Correct the base" in str(refused.value)


def test_our_credentials_never_follow_a_link_to_another_host(
    connect: Connect, house: Running
) -> None:
    connector = connect("key", auth=STYLES["key"], streams=[orders()])
    http = connector.http
    assert isinstance(http, PlainHttp)
    with pytest.raises(AccessRefused) as refused:
        connector.api.get(connector.api.joined(f"{house.url}/key/x", "http://evil.example/orders"))
    assert refused.value.code == "moved"
    assert http.calls == []


def test_a_secret_that_was_never_entered_is_told_before_anyone_is_asked(connect: Connect) -> None:
    connector = connect("key", secrets={"other": "x"}, auth=STYLES["key"], streams=[orders()])
    first = connector.check()[0]
    assert not first.ok and "no secret 'api_key'" in first.move
    assert isinstance(connector.http, PlainHttp) and connector.http.calls == []

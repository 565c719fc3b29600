"""Being let in, and what is said when Square doesn't."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.sdk.consent import ConsentAnswer, ConsentAsk
from connectors.sdk.errors import (
    AccessRefused,
    ConnectorError,
    NotYet,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sdk.testing.simulators import Running
from connectors.sdk.tokens import Secrets, Unkept
from connectors.square import errors
from connectors.square.connector import Square
from connectors.square.tests.conftest import SECRETS, article, item_of, sale, write

Connect = Callable[..., Square]
BACK = "http://127.0.0.1:9/consent"


class Shared(Unkept):
    """Tokens that threads share, as the hub's do: one renews, the others wait and find it done."""

    def __init__(self, secrets: Secrets) -> None:
        super().__init__(secrets)
        self._lock = Lock()

    def renew(self, field: str, seen: str, exchange: Callable[[Secrets], Secrets]) -> Secrets:
        with self._lock:
            return super().renew(field, seen, exchange)


def bitten(seller: Running) -> dict[str, int]:
    told: dict[str, int] = seller.control("counts", method="GET")["bitten"]
    return told


def test_a_seller_agrees_and_we_are_let_in(seller: Running, connect: Connect) -> None:
    square = connect(secrets={"application_secret": "sq0csp-simulator"})
    ask = ConsentAsk(state="s3cret", return_to=BACK, callback="", product="Harbourside Connect")
    address = Square.consent(square.config, square.secrets, ask)
    assert address is not None
    query = parse_qs(urlsplit(address).query)
    assert query["state"] == ["s3cret"] and "ORDERS_READ" in query["scope"][0].split()
    assert b"Allow" in PlainHttp().request("GET", address).body
    kept = square.consented(agreed(address))
    assert connect(secrets=kept).check()[0].ok
    with pytest.raises(AccessRefused):
        square.consented(agreed(address, state="code used twice", again=True))


def agreed(address: str, *, state: str = "", again: bool = False) -> ConsentAnswer:
    """What the browser comes back with after a press on Allow."""
    parts = urlsplit(address)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = (parts.query + "&answer=allow").encode()
    page = f"{parts.scheme}://{parts.netloc}{parts.path}"
    answer = PlainHttp().request("POST", page, headers=form, body=body)
    query = {k: v[0] for k, v in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    return ConsentAnswer(query | ({"code": "sq0cgp-used"} if again else {}), b"", BACK)


@pytest.mark.parametrize("query", [{"error": "access_denied", "state": "s"}, {"state": "s"}])
def test_a_seller_who_declines_is_no_failure_of_anybody(connect: Connect, query: Any) -> None:
    with pytest.raises(AccessRefused) as refused:
        connect().consented(ConsentAnswer(query, b"", BACK))
    assert refused.value.owner == "merchant"


def test_without_an_application_there_is_nothing_to_agree_to(connect: Connect) -> None:
    ask = ConsentAsk("s", BACK, "", "x")
    assert Square.consent(connect().config, {}, ask) is None


def test_when_the_access_runs_out_many_callers_renew_it_once(
    seller: Running, connect: Connect
) -> None:
    seller.control("receipts", [sale()])
    seller.control("tokens", {"do": "expire"})
    kept = Shared(SECRETS)
    callers = [connect(tokens=kept) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda square: list(square.read("orders", {})), callers))
    assert all(len(told) == 1 for told in pages)
    assert bitten(seller)["tokens_given"] == 1
    assert kept.current()["access_token"] != SECRETS["access_token"]


def test_a_refresh_token_that_is_good_for_once_is_replaced_each_time(
    seller: Running, connect: Connect
) -> None:
    """Without an application secret (PKCE) the next one must be kept, or the access is lost."""
    kept = Unkept({k: v for k, v in SECRETS.items() if k != "application_secret"})
    for _ in range(3):
        seller.control("tokens", {"do": "expire"})
        assert connect(tokens=kept, secrets=kept.current()).check()[0].ok
    assert kept.current()["refresh_token"] != SECRETS["refresh_token"]
    assert bitten(seller)["tokens_given"] == 3


def test_a_write_is_not_lost_when_the_access_runs_out_under_it(
    seller: Running, connect: Connect
) -> None:
    square = connect()
    seller.control("tokens", {"do": "expire"})
    assert write(square, "item", item_of(article())).external_id


def test_nothing_to_renew_with_is_said_as_it_is(seller: Running, connect: Connect) -> None:
    by_hand = connect(secrets={"access_token": "EAAA-simulator"}, application_id="")
    seller.control("tokens", {"do": "expire"})
    with pytest.raises(AccessRefused) as refused:
        list(by_hand.read("orders", {}))
    assert refused.value.code == "expired" and "connect Square again" in str(refused.value)


def test_a_seller_who_disconnects_is_not_asked_again_and_again(
    seller: Running, connect: Connect
) -> None:
    seller.control("tokens", {"do": "revoke"})
    square = connect()
    with pytest.raises(AccessRefused) as refused:
        list(square.read("orders", {}))
    assert refused.value.code == "revoked"
    assert [path for _, path in square.http.calls] == ["/v2/locations"]  # type: ignore[attr-defined]
    assert not square.check()[0].ok


def test_a_check_names_what_is_lacking(seller: Running, connect: Connect) -> None:
    ask = ConsentAsk("s", BACK, "", "x")
    square = connect()
    address = Square.consent(square.config, square.secrets, ask) or ""
    narrow = address.replace("CUSTOMERS_WRITE", "")
    kept = SECRETS | dict(square.consented(agreed(narrow)))
    lines = connect(secrets=kept).check()
    assert any("CUSTOMERS_WRITE" in line.what and line.move for line in lines if not line.ok)


def test_the_account_is_the_seller_whatever_the_token(seller: Running, connect: Connect) -> None:
    assert connect().account() == connect(secrets=SECRETS | {"access_token": "old"}).account()


def test_settings_that_cannot_be_are_named(connect: Connect) -> None:
    wrong = {"follow": ["weather"], "since": "31.01.2026"}
    assert {name for name, _ in Square.config_problems(wrong)} == {"follow", "since"}
    assert list(Square.config_problems(connect().config)) == []


@pytest.mark.parametrize(
    ("fault", "reading", "writing"),
    [
        ("down", Unavailable, Unavailable),
        ("error", Unavailable, OutcomeUnknown),
        ("rate_limit", RateLimited, RateLimited),
        ("html", Unavailable, OutcomeUnknown),
        ("drop_after_effect", Unavailable, OutcomeUnknown),
    ],
)
def test_a_bad_day_at_square(
    seller: Running, connect: Connect, fault: str, reading: type, writing: type
) -> None:
    square = connect()
    seller.control("faults", {"kind": fault, "match": "/v2/", "count": 1})
    with pytest.raises(ConnectorError) as asked:
        list(square.read("customers", {}))
    assert type(asked.value) is reading
    seller.control("faults", {"kind": fault, "match": "batch-upsert", "count": 1})
    with pytest.raises(ConnectorError) as told:
        write(square, "item", item_of(article()))
    assert type(told.value) is writing
    assert write(square, "item", item_of(article(), uncertain=True)).external_id


def error(code: str, category: str = "INVALID_REQUEST_ERROR", detail: str = "") -> Any:
    return {"errors": [{"category": category, "code": code, "detail": detail}]}


@pytest.mark.parametrize(
    ("status", "value", "kind", "code"),
    [
        (400, error("VERSION_MISMATCH"), NotYet, "not-ready"),
        (409, error("CONFLICT"), NotYet, "not-ready"),
        (400, error("IDEMPOTENCY_KEY_REUSED"), Rejected, "replay-conflict"),
        (400, error("MISSING_REQUIRED_PARAMETER"), Rejected, "missing-required"),
        (400, error("INVALID_VALUE"), Rejected, "type-mismatch"),
        (400, error("INVALID_VALUE", detail="wrong currency"), Rejected, "currency-mismatch"),
        (400, error("BAD_REQUEST"), Rejected, "rejected"),
        (404, error("NOT_FOUND"), Rejected, "reference-missing"),
        (404, None, AccessRefused, "version-changed"),
        (413, error("REQUEST_ENTITY_TOO_LARGE"), Rejected, "payload-too-large"),
        (401, error("ACCESS_TOKEN_REVOKED"), AccessRefused, "revoked"),
        (401, error("ACCESS_TOKEN_EXPIRED"), errors.TokenExpired, "expired"),
        (401, error("UNAUTHORIZED"), errors.TokenExpired, "revoked"),
        (403, error("INSUFFICIENT_SCOPES"), AccessRefused, "scope-missing"),
        (403, error("APPLICATION_DISABLED"), AccessRefused, "revoked"),
        (400, error("API_VERSION_INCOMPATIBLE"), AccessRefused, "version-changed"),
        (302, None, AccessRefused, "moved"),
        (429, error("RATE_LIMITED", "RATE_LIMIT_ERROR"), RateLimited, "rate-limited"),
        (503, error("SERVICE_UNAVAILABLE", "API_ERROR"), Unavailable, "unavailable"),
        (500, error("INTERNAL_SERVER_ERROR", "API_ERROR"), OutcomeUnknown, "timeout-ambiguous"),
        (504, error("GATEWAY_TIMEOUT", "API_ERROR"), OutcomeUnknown, "timeout-ambiguous"),
        (408, error("REQUEST_TIMEOUT"), OutcomeUnknown, "timeout-ambiguous"),
    ],
)
def test_each_refusal_says_what_to_do_about_it(
    status: int, value: Any, kind: type, code: str
) -> None:
    fault = errors.fault(status, value, {}, reading=False)
    assert isinstance(fault, kind) and fault.code == code
    assert str(fault).endswith(".")

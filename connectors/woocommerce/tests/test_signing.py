"""Signing in: what an open line, an encrypted one and a host that drops headers each want."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from urllib.parse import urlencode

import pytest

from connectors.sdk.errors import AccessRefused
from connectors.sdk.http import Response
from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sdk.testing.simulators import Running
from connectors.woocommerce import signing
from connectors.woocommerce.api import Api
from connectors.woocommerce.simulator.shop import DEMO_KEY, DEMO_SECRET
from connectors.woocommerce.tests.conftest import connected
from connectors.woocommerce.tests.replay import API, ask, signed_in

#: Recording 212: a signed request that the real shop accepted.
RECORDED = {
    "per_page": "1", "_fields": "id",
    "oauth_consumer_key": "ck_0123456789abcdef0123456789abcdef01234567",
    "oauth_timestamp": "1795460316", "oauth_nonce": "f241145af5dc1b17",
    "oauth_signature_method": "HMAC-SHA256",
}  # fmt: skip
SECRET_THEN = "cs_0123456789abcdef0123456789abcdef01234567"
URL_THEN = "http://127.0.0.1:18080/wp-json/wc/v3/orders"
ACCEPTED = "uLqtU6NNfrFgGyEwFA1bKzqmm7i8OtVd9srYyifUzus="


class Encrypted:
    """A shop with TLS in front of it: we speak https, it hears http on its loopback."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._http = PlainHttp()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: float = 20.0,
    ) -> Response:
        self.urls.append(url)
        self.headers.append(dict(headers or {}))
        return self._http.request(
            method, url.replace("https://", "http://"), headers=headers, body=body
        )

    def address(self, host: str, port: int) -> str:
        return self._http.address(host, port)

    def connect(self, host: str, port: int, deadline: float = 20.0) -> socket.socket:
        return self._http.connect(host, port, deadline)


def secured(
    shop: Running, *, keys_in_address: bool = False, key: str = DEMO_KEY
) -> tuple[Api, Encrypted]:
    http = Encrypted()
    url = shop.url.replace("http://", "https://")
    return Api(http, url, key, DEMO_SECRET, keys_in_address=keys_in_address), http


def open_line(shop: Running) -> None:
    shop.control("seed", {"settings": {"tls": False}})


def test_our_signature_is_the_one_the_real_shop_accepted() -> None:
    assert signing.signature("GET", URL_THEN, RECORDED, SECRET_THEN) == ACCEPTED


def test_a_shop_without_tls_is_spoken_to_in_signed_requests(shop: Running, http: PlainHttp) -> None:
    open_line(shop)
    assert ask(shop, "GET", "/orders").status == 401  # a header means nothing here
    assert ask(shop, "GET", f"/orders?{signing.with_keys({}, DEMO_KEY, DEMO_SECRET)}",
               Authorization="").status == 401  # fmt: skip
    woo = connected(shop, http)
    assert [line.ok for line in woo.check()] == [True] * 4
    found = woo.api.get("products", sku="rec-mug,woo cap & 50% off~+ü", search="R c")
    assert found == []
    assert woo.api.get("products", sku="rec-mug")[0]["sku"] == "rec-mug"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"oauth_consumer_key": "ck_nope"}, "Consumer key is invalid."),
        ({"oauth_timestamp": "1000"}, "Invalid signature - provided signature does not match."),
        ({"oauth_signature_method": "PLAINTEXT"},
         "Invalid signature - signature method is invalid."),
    ],
)  # fmt: skip
def test_each_fault_of_a_signature_is_named(
    shop: Running, change: dict[str, str], words: str
) -> None:
    open_line(shop)
    query = fresh(shop) | change
    answer = shop.call("GET", f"{API}/orders?{urlencode(query)}")
    assert (answer.status, answer.json()["message"]) == (401, words)


def test_a_nonce_serves_once_and_an_old_stamp_never(shop: Running) -> None:
    query = fresh(shop)
    assert shop.call("GET", f"{API}/orders?{urlencode(query)}").status == 200
    again = shop.call("GET", f"{API}/orders?{urlencode(query)}")
    assert again.json()["message"] == "Invalid nonce - nonce has already been used."
    old = fresh(shop, age=16 * 60)
    answer = shop.call("GET", f"{API}/orders?{urlencode(old)}").json()
    assert answer["message"] == "Invalid timestamp."
    lacking = {k: v for k, v in fresh(shop).items() if k == "oauth_consumer_key"}
    told = shop.call("GET", f"{API}/orders?{urlencode(lacking)}").json()
    assert told["code"] == "woocommerce_rest_authentication_missing_parameter"


def test_a_wrong_secret_on_an_open_line_says_whose_move_it_is(
    shop: Running, http: PlainHttp
) -> None:
    open_line(shop)
    woo = connected(shop, http, consumer_secret="cs_wrong")
    first = woo.check()[0]
    assert not first.ok
    assert "enter the secret that belongs to the key" in first.move


def test_tls_keeps_the_keys_in_the_header(shop: Running) -> None:
    api, http = secured(shop)
    api.get("orders", per_page=1)
    assert "consumer" not in http.urls[0]
    assert http.headers[0]["Authorization"] == signed_in()


def test_a_host_that_drops_the_header_is_found_out(shop: Running) -> None:
    """The first refusal costs one more call; from then on the keys stand in the address."""
    shop.control("seed", {"settings": {"strips_header": True}})
    api, http = secured(shop)
    api.post("products", {"name": "Tray", "sku": "tray"})
    api.get("orders", per_page=1)
    assert api.stripped
    assert ["consumer_secret=" in url for url in http.urls] == [False, True, True]
    assert "Authorization" not in http.headers[2]
    assert len(api.get("products", sku="tray")) == 1


def test_the_setting_spares_the_first_refusal(shop: Running) -> None:
    shop.control("seed", {"settings": {"strips_header": True}})
    api, http = secured(shop, keys_in_address=True)
    api.get("orders", per_page=1)
    assert len(http.urls) == 1
    assert "consumer_secret=" in http.urls[0]


def test_an_unknown_key_is_asked_about_once_more_and_then_refused(shop: Running) -> None:
    api, http = secured(shop, key="ck_deleted")
    with pytest.raises(AccessRefused, match="does not know the key") as refused:
        api.get("orders", per_page=1)
    assert refused.value.code == "header-stripped"
    assert len(http.urls) == 2
    assert not api.stripped


def test_a_connection_without_keys_says_how_to_get_them(shop: Running, http: PlainHttp) -> None:
    woo = connected(shop, http, consumer_key="", consumer_secret="")
    assert "press Connect" in woo.check()[0].move


def fresh(shop: Running, age: int = 0) -> dict[str, str]:
    params = {
        "oauth_consumer_key": DEMO_KEY,
        "oauth_timestamp": str(int(time.time()) - age),
        "oauth_nonce": f"{time.time_ns():x}",
        "oauth_signature_method": "HMAC-SHA256",
    }
    made = signing.signature("GET", f"{shop.url}{API}/orders", params, DEMO_SECRET)
    return {**params, "oauth_signature": made}

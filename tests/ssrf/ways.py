"""Every way out of the hub there is: each is told where to go, and goes there if it may."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from connectors.files.connector import Files
from connectors.odoo.connector import Odoo
from connectors.rest.connector import Rest
from connectors.sdk.connector import Connector
from connectors.sdk.consent import ConsentAnswer
from connectors.sdk.errors import ConnectorError, OutcomeUnknown
from connectors.sdk.files.objects import object_place
from connectors.sdk.records import CheckLine, Json
from connectors.sql.connector import Sql
from connectors.square.connector import Square
from connectors.woocommerce.connector import WooCommerce
from hub.connections.config import with_defaults
from hub.connections.session import GuardedHttp
from kernel.security.addresses import Policy
from kernel.security.egress import EgressError, GuardedClient, MaybeSent
from tests.kernel.listener import Behaviour, answering, listening

#: (where to go, port, the policy) → goes there. Raises Stopped when it was kept from it.
Way = Callable[[str, int, Policy], None]


class Stopped(Exception):
    """We were told that it isn't possible, in words for a person."""


def said(error: Exception) -> Stopped:
    assert str(error), "whoever reads it learns nothing"
    return Stopped(str(error))


def connector(kind: type[Connector], policy: Policy, config: Json) -> Connector:
    secrets = dict.fromkeys(kind.manifest.secret_fields, "secret") | {"private_key": ""}
    if kind is Rest:
        secrets |= {"client_secret": "secret", "token": "secret", "access_token": ""}
    whole = with_defaults(kind.manifest, config)
    return kind(config=whole, secrets=secrets, http=GuardedHttp(GuardedClient(policy)))


def done(act: Callable[[], object]) -> None:
    """Raises Stopped. A connection that was answered with nothing sensible is no refusal."""
    try:
        outcome = act()
    except (OutcomeUnknown, MaybeSent):
        return
    except (ConnectorError, EgressError) as error:
        raise said(error) from error
    if isinstance(outcome, list):
        wrong = [one for one in outcome if isinstance(one, CheckLine) and not one.ok]
        if wrong:
            raise Stopped(wrong[0].move)


# ---- the guarded client itself


def request(url: str, port: int, policy: Policy) -> None:
    done(lambda: GuardedClient(policy).request("POST", url, body=b"x", deadline=5))


def address(host: str, port: int, policy: Policy) -> None:
    """What a driver of its own does with the address it is given."""
    done(lambda: _use(GuardedClient(policy).address(host, port), port))


def _use(numeric: str, port: int) -> None:
    # Judged addresses only: reaching one is what a driver would do next.
    GuardedClient(Policy.of(["0.0.0.0/0", "::/0"])).connect(numeric, port, 5).close()


def connect(host: str, port: int, policy: Policy) -> None:
    done(lambda: GuardedClient(policy).connect(host, port, 5).close())


# ---- connectors that are given an address


def shop(url: str, port: int, policy: Policy) -> None:
    done(connector(WooCommerce, policy, {"url": url}).check)


def shop_that_is_to_push(url: str, port: int, policy: Policy) -> None:
    made = connector(WooCommerce, policy, {"url": url})
    done(lambda: made.subscribe("https://in.example.com/hooks/x", "secret"))


def shop_after_consent(url: str, port: int, policy: Policy) -> None:
    """Its keys are handed to us and not fetched; then the shop is tried at its address."""
    made = connector(WooCommerce, policy, {"url": url})
    handed = b'{"consumer_key": "ck_1", "consumer_secret": "cs_1", "key_permissions": "read_write"}'
    made.consented(ConsentAnswer({}, handed, "https://portal.example.com"))
    done(made.check)


def erp(url: str, port: int, policy: Policy) -> None:
    done(connector(Odoo, policy, {"url": url}).check)


def square(url: str, port: int, policy: Policy) -> None:
    done(connector(Square, policy, {"url": url}).check)


def square_consent(url: str, port: int, policy: Policy) -> None:
    """The code of a consent is exchanged at the address of the settings."""
    made = connector(Square, policy, {"url": url, "application_id": "app"})
    answer = ConsentAnswer({"code": "c"}, b"", "https://portal.example.com")
    done(lambda: made.consented(answer))


def api(url: str, port: int, policy: Policy) -> None:
    done(connector(Rest, policy, {"url": url}).check)


def object_storage(url: str, port: int, policy: Policy) -> None:
    config = {"endpoint": url, "bucket": "b"}
    secrets = {"access_key": "k", "secret_key": "s"}
    http = GuardedHttp(GuardedClient(policy))
    done(lambda: object_place(config, secrets, http).find("*", 1))


def file_server(host: str, port: int, policy: Policy) -> None:
    config = {"place": "sftp", "host": host, "port": port, "user": "u", "host_key": "SHA256:x",
              "streams": []}  # fmt: skip
    done(connector(Files, policy, config).check)


def postgresql(host: str, port: int, policy: Policy) -> None:
    _database("postgresql", host, port, policy)


def mariadb(host: str, port: int, policy: Policy) -> None:
    _database("mariadb", host, port, policy)


def _database(dialect: str, host: str, port: int, policy: Policy) -> None:
    config = {"dialect": dialect, "host": host, "port": port, "database": "d", "user": "u",
              "tls": "off"}  # fmt: skip
    done(connector(Sql, policy, config).check)


# ---- systems that are allowed and send us on


def sent_on(answer: Callable[[str], bytes], config: Callable[[str, str], Json]) -> Way:
    """An API at a permitted place leads to another: by ``answer``, or in the ``config`` (its own
    address, where it leads)."""

    def way(url: str, port: int, policy: Policy) -> None:
        behave: Behaviour = answering(answer(url))
        with listening(behave) as outside:
            place = f"127.0.0.1:{outside.port}"
            allowed = Policy(policy.networks, policy.places | Policy.of([place]).places)
            made = connector(Rest, allowed, config(f"http://{place}", url))
            done(lambda: list(made.read("orders", {})))

    return way


def _http(head: Mapping[str, str], body: str = "", status: str = "200 OK") -> bytes:
    """As bytes of the wire; line breaks in a value would end it and are left out."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body.encode())}", "Connection: close"]
    lines += [
        f"{name}: {value}".replace("\r", "").replace("\n", "") for name, value in head.items()
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body.encode()


def _orders(base: str, paging: Json, **more: Any) -> Json:
    stream = {"name": "orders", "produces": ["order"], "address": "/orders", "records": "data",
              "paging": paging}  # fmt: skip
    return {"url": base, "streams": [stream], **more}


def _quoted(url: str) -> str:
    return json.dumps({"data": [{"id": "1"}], "links": {"next": url}})


next_link = sent_on(
    lambda url: _http({}, _quoted(url)),
    lambda base, _: _orders(base, {"style": "next", "path": "links.next"}),
)
link_header = sent_on(
    lambda url: _http({"Link": f'<{url}>; rel="next"'}, _quoted("")),
    lambda base, _: _orders(base, {"style": "link"}),
)
redirect = sent_on(
    lambda url: _http({"Location": url}, status="307 Temporary Redirect"),
    lambda base, _: _orders(base, {"style": "none"}),
)
token_address = sent_on(
    lambda _: _http({}, "{}"),
    lambda base, url: _orders(
        base, {"style": "none"}, auth={"style": "oauth2", "address": url, "client_id": "c"}
    ),
)

BY_URL: dict[str, Way] = {
    "request": request, "shop": shop, "shop-webhooks": shop_that_is_to_push,
    "shop-consent": shop_after_consent, "erp": erp, "square": square,
    "square-consent": square_consent, "json-api": api, "object-storage": object_storage,
    "token-address": token_address,
}  # fmt: skip
BY_HOST: dict[str, Way] = {
    "address": address, "connect": connect, "sftp": file_server, "postgresql": postgresql,
    "mariadb": mariadb,
}  # fmt: skip
#: Never followed to another place, not even to one the operator allows.
SENT_ON: dict[str, Way] = {
    "next-link": next_link, "link-header": link_header, "redirect": redirect,
}  # fmt: skip


def bare(host: str) -> str:
    """As it stands in a field for a host."""
    return host.removeprefix("[").removesuffix("]") if host.startswith("[") else host

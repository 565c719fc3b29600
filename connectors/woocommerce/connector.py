"""WooCommerce, REST API v3 (recorded on 11.0.1).

What is peculiar to the shop is told where it is dealt with: webhooks in `hooks`, paging and dates
in `reading`, joins in `unfold`, batches in `goods`, orders' later life in `aftermath`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from connectors.sdk.connector import Connector
from connectors.sdk.consent import ConsentAnswer, ConsentAsk
from connectors.sdk.errors import AccessRefused, ConnectorError, Rejected, Unreadable
from connectors.sdk.http import Http
from connectors.sdk.manifest import load_manifest
from connectors.sdk.records import (
    CheckLine,
    Done,
    Found,
    Heard,
    Hint,
    Json,
    Nothing,
    Page,
    SourceRecord,
    Step,
    Verdict,
    WebhookRequest,
    WriteItem,
)
from connectors.sdk.tokens import Tokens
from connectors.woocommerce import aftermath, goods, handover, hooks, reading, taxes
from connectors.woocommerce.api import Api


class WooCommerce(Connector):
    """One shop. ``config``: url, keys_in_address, push_products. ``secrets``: consumer_key and
    consumer_secret (both empty until the shop is connected), webhook_secret."""

    manifest = load_manifest(Path(__file__).parent)

    def __init__(
        self,
        *,
        config: Json,
        secrets: Mapping[str, str],
        http: Http,
        tokens: Tokens | None = None,
    ) -> None:
        super().__init__(config=config, secrets=secrets, http=http, tokens=tokens)
        self.api = Api(
            http,
            config["url"],
            secrets.get("consumer_key", ""),
            secrets.get("consumer_secret", ""),
            keys_in_address=bool(config.get("keys_in_address")),
        )

    # ---- set-up
    @classmethod
    def consent(cls, config: Json, secrets: Mapping[str, str], ask: ConsentAsk) -> str | None:
        return handover.address(config, ask)

    def consented(self, answer: ConsentAnswer) -> Mapping[str, str]:
        return handover.keys(answer)

    def check(self) -> list[CheckLine]:
        """Reach, read, write (an empty batch changes nothing), webhooks."""
        tries: list[tuple[str, Callable[[], object]]] = [
            ("The shop answers and knows the key", lambda: self.api.get("orders", per_page=1)),
            ("Products can be read", lambda: self.api.get("products", per_page=1)),
            ("The key may write", lambda: self.api.post("products/batch", {"update": []})),
            ("Webhooks can be set up", lambda: self.api.get("webhooks", per_page=1)),
        ]
        lines = []
        for what, attempt in tries:
            try:
                attempt()
                lines.append(CheckLine(what, True))
            except ConnectorError as error:
                lines.append(CheckLine(what, False, str(error)))
                if not isinstance(error, AccessRefused):
                    break  # an unreachable shop would answer every try alike, after its deadline
        if self.api.stripped:
            lines.append(CheckLine("The web server drops our header: keys go in the address", True))
        return lines

    def account(self) -> str:
        """The shop's own id, which survives a change of address."""
        told = self.api.get("system_status", _fields="environment")["environment"]
        name = told.get("store_id") or told["home_url"]
        return hashlib.sha256(f"woocommerce\n{name}".encode()).hexdigest()[:32]

    def subscribe(self, address: str, secret: str) -> None:
        hooks.subscribe(self.api, address, secret, self._topics())

    def unsubscribed(self, address: str) -> list[str]:
        return hooks.unsubscribed(self.api, address, self._topics())

    def _topics(self) -> tuple[str, ...]:
        return hooks.ORDER_TOPICS + (
            hooks.PRODUCT_TOPICS if self.config.get("push_products") else ()
        )

    # ---- source
    @classmethod
    def webhook(cls, request: WebhookRequest, secrets: Sequence[Mapping[str, str]]) -> Verdict:
        return hooks.judge(request, secrets)

    def read(self, stream: str, cursor: Json) -> Iterator[Page]:
        return reading.changed(self.api, stream, cursor)

    def understand(self, heard: Heard) -> SourceRecord | Hint | Nothing:
        if hooks.pushed(heard):
            return hooks.understand(heard)
        try:
            row = msgspec.json.decode(heard.body)
            return reading.record(heard.stream, row, heard.read_started_at)
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
            raise Unreadable(
                f"A record of {heard.stream} lacks what every one has: look for a plugin that "
                "changes the shop's REST API.",
                code="missing-required",
                detail=repr(error),
            ) from error

    def reread(self, stream: str, external_ids: Sequence[str]) -> dict[str, SourceRecord | None]:
        return reading.reread(self.api, stream, external_ids)

    # ---- target
    def write(self, resource: str, item: WriteItem) -> Generator[Step, None, Done]:
        if resource == "fulfilment":
            return (yield from aftermath.write_fulfilment(self.api, item))
        if resource == "tax":
            return taxes.write_tax(self.api, item)
        if item.uncertain:
            found = self.look_up(resource, item)
            if found is not None and found.complete:
                return Done(found.external_id, parts=found.parts, unchanged=True)
        outcome = self.write_batch(resource, [item])[0]
        if isinstance(outcome, ConnectorError):
            raise outcome
        return outcome

    def write_batch(self, resource: str, items: Sequence[WriteItem]) -> list[Done | ConnectorError]:
        if resource == "product":
            return goods.write_products(self.api, items)
        if resource in goods.PAYLOADS:
            return goods.write_values(self.api, resource, items)
        if resource == "order_status":
            return aftermath.write_statuses(self.api, items)
        return [Rejected(f"{resource} takes no batches", code="bug") for _ in items]

    def look_up(self, resource: str, item: WriteItem) -> Found | None:
        if resource == "product":
            return goods.find_product(self.api, item)
        if resource == "tax":
            return taxes.find_tax(self.api, item)
        if resource == "fulfilment":
            return aftermath.find_fulfilment(self.api, item)
        if resource == "order_status":
            return aftermath.find_status(self.api, item)
        return goods.find_value(self.api, resource, item)

"""The seller's tills: what is rung up becomes orders, payments, refunds and stock movements.

A receipt is what a script or the window hands over (see `control`). The number it carries is the
key under which the till posts it: a receipt that comes again is answered with the first.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.sdk.simulation.store import Row
from connectors.square.simulator.catalog import Catalog
from connectors.square.simulator.pricing import line_amounts, major, minor
from connectors.square.simulator.seller import Seller, now, stamp
from connectors.square.simulator.stockroom import Stockroom

KINDS = ("sale", "return", "write_off", "void", "refused")
FAULTS = ("offline", "post_twice")
PERCENT = {"VAT20": "20", "VAT0": "0"}
TENDERS = {
    "cash": ("CASH", "CASH"), "card": ("CARD", "CARD"), "gift": ("SQUARE_GIFT_CARD", "EXTERNAL"),
    "voucher": ("OTHER", "EXTERNAL"), "wallet": ("WALLET", "WALLET"),
}  # fmt: skip
#: Receipts made in the window are numbered from here on.
BY_HAND = 900_000


class Till:
    def __init__(self, seller: Seller, catalog: Catalog, stockroom: Stockroom) -> None:
        self.seller = seller
        self.catalog = catalog
        self.stockroom = stockroom

    @property
    def receipts(self) -> dict[Any, Row]:
        return self.seller.table("receipt")

    def take(self, receipts: Iterable[Row], fault: str = "", seconds: float = 3) -> int:
        """Ring receipts up. ``offline``: they reach Square after ``seconds``. Returns how many.

        Raises KeyError or ValueError for what no till would take.
        """
        known = [self._checked(receipt) for receipt in receipts]
        if fault == "offline":
            self.seller.bitten["offline"] += 1
            row = {"due": time.time() + seconds, "receipts": known}
            self.seller.put("later", str(self.seller.store.next_id("later")), row)
            return len(known)
        for receipt in known:
            self._ring_up(receipt)
            if fault == "post_twice":
                self._ring_up(dict(receipt))
        return len(known)

    def tick(self) -> None:
        """What a till kept while it was offline is posted when it is online again."""
        for id_, row in list(self.seller.table("later").items()):
            if row["due"] <= time.time():
                self.seller.store.drop("later", id_)
                for receipt in row["receipts"]:
                    self._ring_up(receipt)

    def _checked(self, receipt: Row) -> Row:
        if receipt["kind"] not in KINDS:
            raise ValueError(f"no such kind: {receipt['kind']}")
        self.seller.location_of(receipt["store"])
        receipt.setdefault("till", 1)
        receipt.setdefault("lines", [])
        if not receipt.get("at"):
            zone = ZoneInfo(str(self.seller.settings["zone"]))
            receipt["at"] = datetime.now(zone).strftime("%Y-%m-%dT%H:%M:%S")
        if not receipt.get("number"):
            count = self.seller.store.next_id(f"receipt {receipt['store']} {receipt['till']}")
            receipt["number"] = f"{receipt['store']}-{receipt['till']}-{BY_HAND + count}"
        for line in receipt["lines"]:
            Decimal(str(line["qty"])), Decimal(line["price"]), line["sku"]
        return receipt

    def _ring_up(self, receipt: Row) -> None:
        known = self.receipts.get(receipt["number"])
        if known is not None:
            # Posted under the same key: Square hands the first one back and keeps it.
            self.seller.bitten["sent_again"] += 1
            self.seller.put("receipt", receipt["number"], {**known, "sent_again": True})
            return
        rung = {"sale": self._sell, "return": self._give_back, "write_off": self._write_off}
        act = rung.get(receipt["kind"])
        if act is not None:
            act(receipt)
        receipt.setdefault("total", "0.00")
        self.seller.put("receipt", receipt["number"], receipt)

    # ---- what is rung up
    def _sell(self, receipt: Row) -> None:
        lines, taxes = self._lines(receipt)
        total = sum(line["total_money"]["amount"] for line in lines)
        order = self._order(receipt, lines=lines, taxes=taxes, total=total)
        order["tenders"] = [
            self._paid(order, receipt, kind, amount)
            for kind, amount in self._tendered(receipt, total)
        ]
        for line in lines:
            self._move(line["catalog_object_id"], order, "IN_STOCK", "SOLD", line["quantity"],
                       transaction_id=order["id"])  # fmt: skip
        self._post(order, receipt, total)

    def _give_back(self, receipt: Row) -> None:
        """An order of its own, with what came back and, for a linked one, from which sale."""
        source = self._source(receipt)
        lines, taxes = self._lines(receipt)
        total = sum(line["total_money"]["amount"] for line in lines)
        order = self._order(receipt, lines=[], taxes=[], total=0)
        back = [self._returned(line, given, source)
                for line, given in zip(lines, receipt["lines"], strict=True)]  # fmt: skip
        amounts = self._rollup(lines, total)
        entry: Row = {"uid": self.seller.new_id("uid", 16), "return_line_items": back,
                      "return_taxes": taxes, "return_amounts": amounts}  # fmt: skip
        if source is not None:
            entry["source_order_id"] = source["id"]
        order |= {"returns": [entry], "return_amounts": amounts}
        order["refunds"] = [
            self._refunded(order, source, kind, amount, receipt)
            for kind, amount in self._tendered(receipt, total)
        ]
        state = "SOLD" if source is not None else "UNLINKED_RETURN"
        for line in lines:
            self._move(line["catalog_object_id"], order, state, "IN_STOCK", line["quantity"],
                       refund_id=order["id"])  # fmt: skip
        self._post(order, receipt, total)

    def _write_off(self, receipt: Row) -> None:
        """A negative quantity goes to waste, a positive one was found."""
        location = self.seller.location_of(receipt["store"])
        for number, line in enumerate(receipt["lines"], 1):
            qty = Decimal(str(line["qty"]))
            states = ("IN_STOCK", "WASTE") if qty < 0 else ("NONE", "IN_STOCK")
            self.stockroom.adjust({
                "catalog_object_id": self._variation(line)["id"], "location_id": location["id"],
                "from_state": states[0], "to_state": states[1], "quantity": f"{abs(qty):f}",
                "occurred_at": self._utc(receipt), "reference_id": f"{receipt['number']}/{number}",
            })  # fmt: skip

    # ---- parts of an order
    def _order(self, receipt: Row, *, lines: list[Row], taxes: list[Row], total: int) -> Row:
        at = self._utc(receipt)
        order: Row = {
            "id": self.seller.new_id("order"),
            "location_id": self.seller.location_of(receipt["store"])["id"],
            "reference_id": receipt["number"],
            "source": {"name": f"Register {receipt['till']}"},
            "created_at": at, "updated_at": now(), "closed_at": at, "state": "COMPLETED",
            "version": 4, "total_money": self.seller.money(total),
            "total_tax_money": self.seller.money(sum(t["applied_money"]["amount"] for t in taxes)),
            "total_discount_money": self.seller.money(
                sum(line["total_discount_money"]["amount"] for line in lines)
            ),
            "total_tip_money": self.seller.money(0),
            "total_service_charge_money": self.seller.money(0),
        }  # fmt: skip
        if receipt.get("customer"):
            order["customer_id"] = receipt["customer"]
        return order | ({"line_items": lines, "taxes": taxes} if lines else {})

    def _lines(self, receipt: Row) -> tuple[list[Row], list[Row]]:
        """Line items, and the taxes they refer to with the sums of what they took."""
        money, currency = self.seller.money, self.seller.settings["currency"]
        taxes: dict[str, Row] = {}
        lines = []
        for given in receipt["lines"]:
            variation = self._variation(given)
            tax = self._tax(given.get("tax") or "", taxes)
            price, quantity = minor(given["price"], currency), f"{Decimal(str(given['qty'])):f}"
            discount = minor(given.get("discount", "0"), currency)
            made = line_amounts(price, quantity, discount, tax)
            line: Row = {
                "uid": self.seller.new_id("uid", 16), "name": given.get("text") or given["sku"],
                "quantity": quantity, "catalog_object_id": variation["id"],
                "catalog_version": variation["version"], "variation_name": "Regular",
                "item_type": "ITEM", "base_price_money": money(price),
                "variation_total_price_money": money(made["gross"]),
                "gross_sales_money": money(made["gross"]),
                "total_tax_money": money(made["tax"]),
                "total_discount_money": money(made["discount"]),
                "total_money": money(made["total"]),
                "total_service_charge_money": money(0),
            }  # fmt: skip
            if tax is not None:
                tax["applied_money"]["amount"] += made["tax"]
                line["applied_taxes"] = [{"uid": self.seller.new_id("uid", 16),
                                          "tax_uid": tax["uid"],
                                          "applied_money": money(made["tax"])}]  # fmt: skip
            lines.append(line)
        return lines, list(taxes.values())

    def _tax(self, code: str, used: dict[str, Row]) -> Row | None:
        """The catalogue's tax of that name, or one the till was told by hand."""
        if not code:
            return None
        if code not in used:
            known = self.catalog.tax(code)
            data = known["tax_data"] if known else {}
            percent = data.get("percentage") or PERCENT.get(code, "0")
            used[code] = {"uid": self.seller.new_id("uid", 16), "name": code,
                          "percentage": percent, "scope": "LINE_ITEM",
                          "type": data.get("inclusion_type") or "INCLUSIVE",
                          "applied_money": self.seller.money(0)}  # fmt: skip
            if known:
                used[code]["catalog_object_id"] = known["id"]
        return used[code]

    def _variation(self, line: Row) -> Row:
        """What the library doesn't know yet, the cashier adds to it while selling it."""
        found = self.catalog.variation(line["sku"])
        if found is not None:
            return found
        self.seller.bitten["added_at_the_till"] += 1
        price = self.seller.money(minor(line["price"], self.seller.settings["currency"]))
        data = {"name": "Regular", "sku": line["sku"].strip().upper(), "track_inventory": True,
                "pricing_type": "FIXED_PRICING", "price_money": price}  # fmt: skip
        item = {
            "type": "ITEM", "id": "#item",
            "item_data": {
                "name": line.get("text") or line["sku"], "product_type": "REGULAR",
                "variations": [
                    {"type": "ITEM_VARIATION", "id": "#variation", "item_variation_data": data}
                ],
            },
        }  # fmt: skip
        self.catalog.upsert([item])
        made = self.catalog.variation(line["sku"])
        if made is None:
            raise KeyError(line["sku"])
        return made

    def _tendered(self, receipt: Row, total: int) -> list[tuple[str, int]]:
        currency = self.seller.settings["currency"]
        given = receipt.get("tenders")
        if given is None:
            given = [{"kind": "cash", "amount": None}]
        paid = [(str(t["kind"]), total if t["amount"] is None else minor(t["amount"], currency))
                for t in given]  # fmt: skip
        return [(kind, amount) for kind, amount in paid if amount]

    def _paid(self, order: Row, receipt: Row, kind: str, amount: int) -> Row:
        """A payment, and the tender that stands for it in the order."""
        type_, source = TENDERS[kind]
        money, at = self.seller.money(amount), order["created_at"]
        payment = {
            "id": self.seller.new_id("payment"), "status": "COMPLETED", "source_type": source,
            "created_at": at, "updated_at": now(), "amount_money": money, "total_money": money,
            "location_id": order["location_id"], "order_id": order["id"],
            "receipt_number": self.seller.new_id("slip", 4),
            "device_details": {"device_name": f"Register {receipt['till']}"},
        }  # fmt: skip
        tender: Row = {"id": payment["id"], "payment_id": payment["id"], "type": type_,
                       "location_id": order["location_id"], "transaction_id": order["id"],
                       "created_at": at, "amount_money": money}  # fmt: skip
        card = {"card_brand": "VISA", "last_4": "4242"}
        if kind == "card":
            payment["card_details"] = {"status": "CAPTURED", "card": card,
                                       "auth_result_code": "A7741"}  # fmt: skip
            tender["card_details"] = {"status": "CAPTURED", "card": card, "entry_method": "EMV"}
        if kind == "cash":
            cash = {"buyer_tendered_money": money, "change_back_money": self.seller.money(0)}
            payment["cash_details"] = tender["cash_details"] = cash
        self.seller.put("payment", payment["id"], payment)
        for event in ("payment.created", "payment.updated"):
            self.seller.tell(event, "payment", payment["id"], {"payment": payment})
        return tender

    def _returned(self, line: Row, given: Row, source: Row | None) -> Row:
        back = {k: v for k, v in line.items() if k != "gross_sales_money"}
        back["gross_return_money"] = line["gross_sales_money"]
        sold = (source or {}).get("line_items") or []
        origin = int(given.get("origin") or 0)
        if 0 < origin <= len(sold):
            back["source_line_item_uid"] = sold[origin - 1]["uid"]
        return back

    def _refunded(
        self, order: Row, source: Row | None, kind: str, amount: int, receipt: Row
    ) -> Row:
        """A refund, and its line in the order. Only one that goes back the way it came names the
        tender of the sale."""
        type_, way = TENDERS[kind]
        tenders = (source or {}).get("tenders") or []
        tender = next((t for t in tenders if t["type"] == type_), None)
        reason, money = receipt.get("reason") or "Returned goods", self.seller.money(amount)
        refund: Row = {
            "id": self.seller.new_id("refund"), "status": "COMPLETED", "amount_money": money,
            "destination_type": way, "unlinked": tender is None, "order_id": order["id"],
            "location_id": order["location_id"], "reason": reason,
            "created_at": order["created_at"], "updated_at": now(),
        }  # fmt: skip
        if tender is not None:
            refund["payment_id"] = tender["payment_id"]
        self.seller.put("refund", refund["id"], refund)
        for event in ("refund.created", "refund.updated"):
            self.seller.tell(event, "refund", refund["id"], {"refund": refund})
        told = {"id": refund["id"], "location_id": order["location_id"], "status": "APPROVED",
                "transaction_id": (source or order)["id"], "created_at": order["created_at"],
                "reason": reason, "amount_money": money}  # fmt: skip
        return told | ({"tender_id": tender["id"]} if tender is not None else {})

    def _rollup(self, lines: list[Row], total: int) -> Row:
        money = self.seller.money
        tax = sum(line["total_tax_money"]["amount"] for line in lines)
        discount = sum(line["total_discount_money"]["amount"] for line in lines)
        return {"total_money": money(total), "tax_money": money(tax), "tip_money": money(0),
                "discount_money": money(discount), "service_charge_money": money(0)}  # fmt: skip

    # ---- what follows
    def _source(self, receipt: Row) -> Row | None:
        known = self.receipts.get(receipt.get("original") or "")
        return self.seller.store.get("order", known.get("order", "")) if known else None

    def _move(
        self, variation: str, order: Row, from_: str, to: str, quantity: str, **cause: str
    ) -> None:
        row = self.seller.store.get("object", variation) or {}
        if not row.get("item_variation_data", {}).get("track_inventory"):
            return
        self.stockroom.adjust({
            "catalog_object_id": variation, "location_id": order["location_id"],
            "from_state": from_, "to_state": to, "quantity": quantity,
            "occurred_at": order["created_at"], **cause,
        })  # fmt: skip

    def _post(self, order: Row, receipt: Row, total: int) -> None:
        self.seller.put("order", order["id"], order)
        receipt |= {"order": order["id"], "total": major(total, self.seller.settings["currency"])}
        thin = {"order_id": order["id"], "location_id": order["location_id"],
                "created_at": order["created_at"]}  # fmt: skip
        self.seller.tell("order.created", "order", order["id"], {
            "order_created": {**thin, "state": "OPEN", "version": 1}
        })  # fmt: skip
        self.seller.tell("order.updated", "order", order["id"], {
            "order_updated": {**thin, "state": "COMPLETED", "version": order["version"],
                              "updated_at": order["updated_at"]}
        })  # fmt: skip

    def _utc(self, receipt: Row) -> str:
        zone = ZoneInfo(str(self.seller.settings["zone"]))
        return stamp(datetime.fromisoformat(receipt["at"]).replace(tzinfo=zone).astimezone(UTC))

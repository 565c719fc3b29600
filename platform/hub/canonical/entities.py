"""The canonical retail model, version 1: one struct per entity, each with its class.

Field names are snake_case in code and in stored JSON. Absent (None) means the source didn't say;
it never overwrites. References are `Ref`s. Amounts of a line are without sign tricks: a sale is
positive, a return is a `Return` with positive quantities; only the connector's edge knows better.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal

import msgspec

from hub.canonical.values import Day, Instant, Money, Quantity, Ref


class RecordClass(StrEnum):
    """How a record may be treated; a constant of its entity (engine rule 1.1)."""

    LEVEL = "level"
    DOCUMENT = "document"
    FACT = "fact"


OrderState = Literal["draft", "pending", "confirmed", "on_hold", "completed", "cancelled"]
PaymentState = Literal[
    "unpaid", "authorised", "partially_paid", "paid", "partially_refunded", "refunded", "voided",
    "failed", "charged_back",
]  # fmt: skip
FulfilmentState = Literal[
    "none", "allocated", "picking", "packed", "partially_fulfilled", "fulfilled", "delivered",
    "partially_returned", "returned", "cancelled",
]  # fmt: skip
Tender = Literal[
    "cash", "card", "wallet", "bank_transfer", "direct_debit", "bnpl", "gift_card",
    "store_credit", "loyalty", "voucher", "check", "on_account", "cod", "other",
]  # fmt: skip
LineKind = Literal["item", "shipping", "fee", "gift_card_sale", "donation", "deposit", "discount"]


class Entity(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """``ext``: extensions by namespace, never required. ``groups``: field groups for ownership;
    fields in no group belong to the group ``core``."""

    name: ClassVar[str]
    record_class: ClassVar[RecordClass]
    groups: ClassVar[dict[str, tuple[str, ...]]] = {}

    ext: dict[str, dict[str, object]] = {}


class Variant(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """The sellable unit; a simple product has exactly one."""

    sku: str
    gtins: list[str] = []
    options: dict[str, str] = {}
    base_uom: str = "C62"
    tracking: Literal["none", "qty", "lot", "serial"] = "qty"
    cost: Money | None = None


class Product(Entity, kw_only=True):
    name = "product"
    record_class = RecordClass.LEVEL
    groups = {"marketing": ("description_html", "media"), "tax": ("tax",)}

    title: str
    status: Literal["draft", "active", "archived"] = "active"
    kind: Literal["goods", "service", "gift_card", "bundle", "fee", "deposit"] = "goods"
    brand: str | None = None
    categories: list[str] = []
    description_html: str | None = None
    media: list[str] = []
    tax: Ref | None = None
    variants: list[Variant]


class Price(Entity, kw_only=True):
    """Of one variant in one list; matched by key ``price`` = sku + "|" + list."""

    name = "price"
    record_class = RecordClass.LEVEL

    product: Ref
    sku: str
    price_list: str = "retail"
    price: Money
    tax_included: bool
    valid_from: Instant | None = None
    valid_to: Instant | None = None


class TaxRate(Entity, kw_only=True):
    name = "tax_rate"
    record_class = RecordClass.LEVEL

    code: str
    title: str
    percent: Quantity
    country: str
    category: Literal["S", "Z", "E", "AE", "O"] = "S"
    compound: bool = False
    price_included: bool = False


class Location(Entity, kw_only=True):
    name = "location"
    record_class = RecordClass.LEVEL

    code: str
    title: str
    kind: Literal["store", "warehouse", "3pl", "virtual", "in_transit"]
    tz: str | None = None


class StockLevel(Entity, kw_only=True):
    """On hand of one variant at one location; matched by key ``stock`` = sku + "|" + location.

    Location code ``available`` is the hub's own computed *available to sell*."""

    name = "stock_level"
    record_class = RecordClass.LEVEL

    product: Ref
    sku: str
    location: str
    on_hand: Quantity
    reserved: Quantity = "0"
    as_of: Instant | None = None


class StockMovement(Entity, kw_only=True):
    name = "stock_movement"
    record_class = RecordClass.FACT

    product: Ref
    sku: str
    from_location: str | None = None
    to_location: str | None = None
    qty: Quantity
    reason: Literal["sale", "return", "receipt", "transfer", "adjust", "count", "damage"]
    occurred_at: Instant
    number: str | None = None


class Address(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    name: str | None = None
    company: str | None = None
    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    region: str | None = None
    postcode: str | None = None
    country: str | None = None
    phone: str | None = None
    email: str | None = None


class Customer(Entity, kw_only=True):
    """Matched by key ``email``. Names, e-mails, phones and addresses are personal data."""

    name = "customer"
    record_class = RecordClass.LEVEL
    groups = {"contact": ("emails", "phones", "addresses")}

    kind: Literal["person", "company"] = "person"
    title: str
    number: str | None = None
    emails: list[str] = []
    phones: list[str] = []
    addresses: list[Address] = []
    vat_id: str | None = None


class Tax(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """Tax on a line or, in ``tax_summary``, on the document per rate."""

    code: str
    percent: Quantity | None = None
    base: Money | None = None
    amount: Money


class Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """``net``: after discounts, without tax. ``unit_price``: as the source shows it (with tax if
    the document is ``tax_included``), before discounts."""

    id: str
    seq: int
    kind: LineKind = "item"
    product: Ref | None = None
    sku: str | None = None
    description: str
    qty: Quantity
    unit_price: Money
    discount: Money | None = None
    net: Money
    taxes: list[Tax] = []


class Totals(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """``grand_total`` = Σ line.net + Σ tax + rounding, each a Money of the document's currency."""

    net: Money
    tax: Money
    rounding: Money | None = None
    grand_total: Money


class Tendered(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """Money given at a till as part of the receipt; ``amount`` is net of change."""

    tender: Tender
    amount: Money
    auth_code: str | None = None
    card_brand: str | None = None
    last4: str | None = None


class Order(Entity, kw_only=True):
    """An order of a shop or marketplace; money and goods that follow are facts of their own."""

    name = "order"
    record_class = RecordClass.DOCUMENT
    groups = {"fulfilment": ("fulfilment_state",)}

    number: str
    channel: str
    currency: str
    placed_at: Instant
    business_date: Day | None = None
    customer: Ref | None = None
    bill_to: Address | None = None
    ship_to: Address | None = None
    tax_included: bool
    lines: list[Line]
    tax_summary: list[Tax] = []
    totals: Totals
    order_state: OrderState
    payment_state: PaymentState
    fulfilment_state: FulfilmentState = "none"
    payment_method: str | None = None
    source_status: str | None = None
    notes: str | None = None


class Sale(Entity, kw_only=True):
    """A till's receipt: goods and money change hands at once, so its tenders are part of it."""

    name = "sale"
    record_class = RecordClass.DOCUMENT

    number: str
    location: str
    register: str
    operator: str | None = None
    currency: str
    sold_at: Instant
    source_local: str | None = None
    source_tz: str | None = None
    business_date: Day
    customer: Ref | None = None
    tax_included: bool
    lines: list[Line]
    tax_summary: list[Tax] = []
    totals: Totals
    tenders: list[Tendered]


class ReturnLine(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """``order_line``: id of the line of the original, if it is known."""

    order_line: str | None = None
    product: Ref | None = None
    sku: str | None = None
    description: str | None = None
    qty: Quantity
    unit_price: Money | None = None
    net: Money | None = None
    taxes: list[Tax] = []
    reason: str | None = None
    restock: bool = True


class Return(Entity, kw_only=True):
    """Goods coming back. Linked (``original``) or with ``unlinked_reason``.

    At a till the money goes back at once: ``tenders`` and ``totals`` are part of it. For a shop
    the money is a `Refund` of its own."""

    name = "return"
    record_class = RecordClass.FACT

    number: str
    original: Ref | None = None
    unlinked_reason: str | None = None
    location: str | None = None
    register: str | None = None
    currency: str
    returned_at: Instant
    business_date: Day | None = None
    tax_included: bool = False
    lines: list[ReturnLine]
    totals: Totals | None = None
    tenders: list[Tendered] = []


class Refund(Entity, kw_only=True):
    """Money going back for an order; amounts positive. ``lines`` say what it is for, if known."""

    name = "refund"
    record_class = RecordClass.FACT

    number: str
    order: Ref
    amount: Money
    tax: Money | None = None
    lines: list[ReturnLine] = []
    reason: str | None = None
    refunded_at: Instant


class Payment(Entity, kw_only=True):
    """Money received for an order."""

    name = "payment"
    record_class = RecordClass.FACT

    number: str
    order: Ref
    tender: Tender
    amount: Money
    provider: str | None = None
    provider_ref: str | None = None
    paid_at: Instant


class FulfilmentLine(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    order_line: str | None = None
    sku: str | None = None
    qty: Quantity


class Fulfilment(Entity, kw_only=True):
    """Goods that left for an order."""

    name = "fulfilment"
    record_class = RecordClass.FACT

    number: str
    order: Ref
    location: str | None = None
    lines: list[FulfilmentLine] = []
    carrier: str | None = None
    tracking: list[str] = []
    shipped_at: Instant


class Milestone(Entity, kw_only=True):
    """A state a document has reached, once and for all; the hub derives it from the newest state.

    Matched by key ``reached`` = order record + "|" + ``reached``."""

    name = "milestone"
    record_class = RecordClass.FACT

    order: Ref
    reached: Literal["confirmed", "paid", "fulfilled", "cancelled"]
    number: str


ENTITIES: dict[str, type[Entity]] = {
    e.name: e
    for e in (
        Product, Price, TaxRate, Location, StockLevel, StockMovement, Customer, Order, Sale,
        Return, Refund, Payment, Fulfilment, Milestone,
    )
}  # fmt: skip


def is_level(entity: str) -> bool:
    """Only its newest value matters; everything else is a document or a fact."""
    return ENTITIES[entity].record_class is RecordClass.LEVEL

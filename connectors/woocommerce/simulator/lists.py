"""Lists: parameters, filters, order, pages and their headers, with the recorded quirks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from connectors.sdk.simulation.store import Row
from connectors.woocommerce.simulator import dates, errors

DATE_FILTERS = ("after", "before", "modified_after", "modified_before")
PRODUCT_ORDERS = (
    "date", "id", "include", "title", "slug", "modified", "popularity", "rating", "post__in",
    "price", "sales", "menu_order", "random", "popularity", "rating", "menu_order", "price",
    "popularity", "rating",
)  # fmt: skip
ORDER_ORDERS = ("date", "id", "include", "title", "slug", "modified")
ORDER_STATUSES = (
    "any", "trash", "auto-draft", "pending", "processing", "on-hold", "completed", "cancelled",
    "refunded", "failed", "checkout-draft",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A list request, checked. ``dates``: filter name → epoch."""

    page: int
    per_page: int
    offset: int | None
    order: str
    orderby: str
    include: tuple[int, ...]
    dates: Mapping[str, int]


def asked(
    query: Mapping[str, str], zone: str, orders: tuple[str, ...], *, dated: bool = True
) -> Asked:
    """Raises WooError 400 naming every bad parameter, in the order of the real schema."""
    faults: dict[str, tuple[str, str]] = {}
    page = _number(query, "page", 1, faults)
    per_page = _number(query, "per_page", 10, faults)
    if "page" not in faults and page < 1:
        faults["page"] = ("rest_out_of_bounds", "page must be greater than or equal to 1")
    if "per_page" not in faults and not 1 <= per_page <= 100:
        faults["per_page"] = (
            "rest_out_of_bounds",
            "per_page must be between 1 (inclusive) and 100 (inclusive)",
        )
    found: dict[str, int] = {}
    for name in DATE_FILTERS if dated else ():
        if name in query:
            epoch = dates.boundary(query[name], zone, query.get("dates_are_gmt") == "true")
            if epoch is None:
                faults[name] = ("rest_invalid_date", "Invalid date.")
            else:
                found[name] = epoch
    orderby = query.get("orderby", orders[0])
    if orderby not in orders:
        faults["orderby"] = errors.one_of("orderby", orders)
    _status_faults(query, orders, faults)
    if faults:
        raise errors.invalid_params(faults)
    include = tuple(int(x) for x in query.get("include", "").split(",") if x.strip().isdigit())
    offset = int(query["offset"]) if query.get("offset", "").isdigit() else None
    return Asked(page, per_page, offset, query.get("order", "desc"), orderby, include, found)


def chosen(rows: Iterable[Row], want: Asked) -> list[Row]:
    """Rows that pass include and dates, in order. ``modified_after`` is exclusive (finding 14)."""
    limit = want.dates
    kept = [
        row
        for row in rows
        if (not want.include or row["id"] in want.include)
        and row["modified"] > limit.get("modified_after", -1)
        and row["modified"] < limit.get("modified_before", 2**62)
        and row["created"] > limit.get("after", -1)
        and row["created"] < limit.get("before", 2**62)
    ]
    if want.orderby == "include":
        return sorted(kept, key=lambda r: want.include.index(r["id"]))
    by = {"modified": "modified", "id": "id"}.get(want.orderby, "created")
    kept.sort(key=lambda r: (r.get(by, 0), r["id"]), reverse=want.order != "asc")
    return kept


def page_of(rows: list[Row], want: Asked) -> list[Row]:
    start = (want.page - 1) * want.per_page if want.offset is None else want.offset
    return rows[start : start + want.per_page]


def headers(total: int, want: Asked, url: str, query: Mapping[str, str]) -> dict[str, str]:
    """Totals, and Link with prev and next only: never last (finding 19)."""
    pages = -(-total // want.per_page)
    given = {"X-WP-Total": str(total), "X-WP-TotalPages": str(pages)}
    links = []
    if want.page > 1 and pages:
        links.append((min(want.page - 1, pages), "prev"))
    if want.page < pages:
        links.append((want.page + 1, "next"))
    if links:
        given["Link"] = ", ".join(
            f'<{url}?{urlencode({**query, "page": page})}>; rel="{rel}"' for page, rel in links
        )
    return given


def only(shown: Any, fields: str) -> Any:
    """Keep what ``_fields`` asks for; dots reach inside, lists are walked."""
    paths = [f.strip().split(".") for f in fields.split(",") if f.strip()]
    return _only(shown, paths) if paths else shown


def _only(value: Any, paths: list[list[str]]) -> Any:
    if isinstance(value, list):
        return [_only(item, paths) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, inner in value.items():
        below = [p[1:] for p in paths if p[0] == name]
        if below:
            kept[name] = inner if any(not b for b in below) else _only(inner, below)
    return kept


def _number(
    query: Mapping[str, str], name: str, default: int, faults: dict[str, tuple[str, str]]
) -> int:
    try:
        return int(query.get(name, default))
    except ValueError:
        faults[name] = errors.not_of_type(name, "integer")
        return default


def _status_faults(
    query: Mapping[str, str], orders: tuple[str, ...], faults: dict[str, tuple[str, str]]
) -> None:
    if orders is not ORDER_ORDERS:
        return
    for i, status in enumerate(query.get("status", "any").split(",")):
        if status not in ORDER_STATUSES:
            faults["status"] = errors.one_of(f"status[{i}]", ORDER_STATUSES)


def status_filter(query: Mapping[str, str], hidden: tuple[str, ...]) -> Callable[[Row], bool]:
    """``any`` (the default) leaves out what is hidden: trash and drafts (finding 18)."""
    wanted = set(query.get("status", "any").split(","))

    def passes(row: Row) -> bool:
        return row["status"] in wanted or ("any" in wanted and row["status"] not in hidden)

    return passes

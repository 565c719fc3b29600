"""Every answer that isn't what was asked for, as one of the SDK's errors.

Codes are those of the exception taxonomy. Sources: the recorded error bodies of WooCommerce 11
(findings 19 to 33); what a proxy in front of a shop may add (429, 502, 503, 504, redirects).
"""

from __future__ import annotations

from typing import Any

from connectors.sdk.errors import (
    AccessRefused,
    ConnectorError,
    OutcomeUnknown,
    Owner,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.sdk.http import Response

#: What the shop says where no key, or an unknown one, reached it (finding 32).
_NOBODY = b'"woocommerce_rest_cannot_'

#: The shop's own error code → (our code, whose move it is, what to do about it).
REFUSALS = {
    "product_invalid_sku": (
        "duplicate-exact", Owner.MERCHANT,
        "Another product of the shop holds this SKU: rename one of them.",
    ),
    "woocommerce_rest_product_invalid_id": (
        "reference-missing", Owner.MERCHANT,
        "The product was deleted in the shop: restore it there, or send it again as new.",
    ),
    "woocommerce_rest_shop_order_invalid_id": (
        "reference-missing", Owner.MERCHANT,
        "The order was deleted in the shop: restore it there or ignore this change.",
    ),
    "woocommerce_rest_request_entity_too_large": (
        "payload-too-large", Owner.PLATFORM, "We sent more than 100 items at once.",
    ),
    "rest_invalid_param": (
        "type-mismatch", Owner.PARTNER,
        "A value has the wrong form for the shop: correct the mapping.",
    ),
    "rest_invalid_json": ("bug", Owner.PLATFORM, "We sent something that is not JSON."),
}  # fmt: skip


def fault(status: int, value: Any, headers: dict[str, str], *, reading: bool) -> ConnectorError:
    """The error for an answer of 300 or more. ``value``: its decoded JSON, None if it had none.

    A read has no effect, so whatever went wrong with it, nothing was done.
    """
    said = value if isinstance(value, dict) else {}
    code, message = str(said.get("code", "")), str(said.get("message", ""))
    detail = f"{status} {code} {message}".strip()
    if status in (401, 403):
        return _refused(code, message, detail)
    if status == 429:
        return RateLimited(
            "The shop asked us to slow down.", detail=detail, retry_after=_seconds(headers)
        )
    if 300 <= status < 400:
        return AccessRefused(
            f"The shop has moved to {headers.get('location', 'another address')}: "
            "enter that address in the connection.",
            code="moved",
            detail=detail,
        )
    if code == "rest_no_route" or (status == 404 and not code):
        return AccessRefused(
            "The address answers, but not as a WooCommerce shop: check the address, and that "
            "permalinks are not set to 'Plain'.",
            code="version-changed",
            detail=detail,
        )
    if status >= 500 and not code.startswith(("woocommerce_", "wc_", "rest_")):
        return _unwell(status, detail, reading=reading)
    return _rejected(code, message, detail)


def nobody(answer: Response) -> bool:
    """Whether it was refused as if nobody had signed in: the shop doesn't tell an unknown key
    from a header that never reached it."""
    return answer.status == 401 and _NOBODY in answer.body[:200]


def silent(error: OutcomeUnknown, *, reading: bool) -> ConnectorError:
    """The connection broke before the answer was whole."""
    if not reading:
        return error
    return Unavailable("The shop did not answer; it will be asked again.", detail=str(error))


def not_json(start: str, *, reading: bool) -> ConnectorError:
    """A page for people (maintenance, a login, a firewall) where JSON was promised."""
    message = (
        f"The shop answered with a web page instead of data (it begins with {start!r}): look for "
        "a maintenance mode, a login or a firewall in front of it."
    )
    kind: type[ConnectorError] = Unavailable if reading else OutcomeUnknown
    return kind(message, code="page-anomaly", owner=Owner.MERCHANT)


def _refused(code: str, message: str, detail: str) -> AccessRefused:
    if "write permission" in message:
        return AccessRefused(
            "The key may only read: give it read/write permission in the shop.",
            code="scope-missing",
            detail=detail,
        )
    if "timestamp" in message:
        return AccessRefused(
            "The shop's clock and ours differ by more than 15 minutes: have the host set it.",
            code="revoked",
            detail=detail,
        )
    if "signature" in message:
        return AccessRefused(
            "The shop does not accept our signature: enter the secret that belongs to the key, "
            "and the shop's address exactly as WordPress shows it under Settings → General.",
            code="revoked",
            detail=detail,
        )
    if "key is invalid" in message:
        return AccessRefused(
            "The shop does not know the key: it was deleted there, or belongs to another shop. "
            "Connect again, or make a new key.",
            code="revoked",
            detail=detail,
        )
    if "secret" in message:
        return AccessRefused(
            "The consumer secret is wrong: enter the one that belongs to the key.",
            code="revoked",
            detail=detail,
        )
    return AccessRefused(
        "The shop does not know the key: it was deleted, or the web server drops the "
        "Authorization header. Make a new key, or ask the host to pass the header on.",
        code="header-stripped" if code.startswith("woocommerce_rest_cannot") else "revoked",
        detail=detail,
    )


def _unwell(status: int, detail: str, *, reading: bool) -> ConnectorError:
    """503 says that the request wasn't taken; after any other 5xx it may have been done."""
    if reading or status == 503:
        return Unavailable("The shop is unwell; it will be asked again.", detail=detail)
    return OutcomeUnknown(
        "The shop failed while it worked on this; it will be looked up.", detail=detail
    )


def _rejected(code: str, message: str, detail: str) -> Rejected:
    ours, owner, move = REFUSALS.get(
        code, ("rejected", Owner.PARTNER, "Correct the record or the mapping and send it again.")
    )
    said = f"The shop refused this: {message.rstrip('.') or code}. {move}"
    return Rejected(said, code=ours, owner=owner, detail=detail)


def _seconds(headers: dict[str, str]) -> float | None:
    try:
        return float(headers.get("retry-after", ""))
    except ValueError:
        return None

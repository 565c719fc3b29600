"""Every answer of Square's that isn't what was asked for, as one of the SDK's errors.

Square says what was wrong by category and code, in ``{"errors": [{category, code, detail,
field}]}``. Codes and categories: OpenAPI description of Square, release 2025-08-20;
``VERSION_MISMATCH`` is told in its guide to the catalogue only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.sdk.errors import (
    AccessRefused,
    ConnectorError,
    NotYet,
    OutcomeUnknown,
    Owner,
    RateLimited,
    Rejected,
    Unavailable,
)

#: Square's code → (our code, whose move it is, what to do about it).
REFUSALS = {
    "NOT_FOUND": (
        "reference-missing", Owner.MERCHANT,
        "It was deleted at Square: restore it there, or send it again as new.",
    ),
    "IDEMPOTENCY_KEY_REUSED": (
        "replay-conflict", Owner.PARTNER,
        "The same write was sent before with other content: compare, and correct it by a new one.",
    ),
    "CURRENCY_MISMATCH": (
        "currency-mismatch", Owner.PARTNER, "Send amounts in the seller's own currency.",
    ),
    "LOCATION_MISMATCH": (
        "location-missing", Owner.PARTNER, "Name a location of this seller in the connection.",
    ),
    "INVALID_LOCATION": (
        "location-missing", Owner.PARTNER, "Name a location of this seller in the connection.",
    ),
    "INVALID_TIME": ("rejected", Owner.PARTNER, "Square takes no stock change this old."),
}  # fmt: skip
_MISSING = {
    "MISSING_REQUIRED_PARAMETER", "VALUE_EMPTY", "NO_FIELDS_SET", "ARRAY_EMPTY",
    "CUSTOMER_MISSING_NAME", "CUSTOMER_MISSING_EMAIL",
}  # fmt: skip
_LARGE = {"REQUEST_ENTITY_TOO_LARGE", "ARRAY_LENGTH_TOO_LONG"}
_FORM = (
    "INVALID_", "EXPECTED_", "VALUE_", "INCORRECT_TYPE", "MAP_KEY", "UNSUPPORTED_", "CONFLICTING_",
)  # fmt: skip
#: Square doesn't run this account or application for us any more.
_CLOSED = {"CLIENT_DISABLED", "APPLICATION_DISABLED", "MERCHANT_SUBSCRIPTION_NOT_FOUND"}
_VERSION = {"API_VERSION_INCOMPATIBLE", "INVALID_SQUARE_VERSION_FORMAT", "V1_APPLICATION"}


class VersionMismatch(NotYet):
    """Somebody changed the record at Square between our reading and our writing it; nothing was
    done, and it is read again."""


class TokenExpired(AccessRefused):
    """The access token isn't taken (any more) and might be renewed."""

    code = "expired"


def told(value: Any) -> list[dict[str, str]]:
    """The errors in a decoded body; [] where there are none."""
    listed = value.get("errors") if isinstance(value, dict) else None
    return [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []


def fault(status: int, value: Any, headers: Mapping[str, str], *, reading: bool) -> ConnectorError:
    """The error for an answer that failed. ``value``: its decoded JSON, None if it had none.

    A read has no effect, so whatever went wrong with it, nothing was done.
    """
    errors = told(value)
    first = errors[0] if errors else {}
    code = str(first.get("code", ""))
    detail = f"{status} " + "; ".join(
        " ".join(str(e[k]) for k in ("code", "field", "detail") if e.get(k)) for e in errors
    )
    if status == 429 or code == "RATE_LIMITED":
        return RateLimited(
            "Square asked us to slow down.", detail=detail, retry_after=_seconds(headers)
        )
    if status in (401, 403):
        return _not_let_in(status, code, detail)
    if code in _VERSION:
        return AccessRefused(
            "Square no longer speaks the version we ask for: the platform's team adapts the "
            "connector.",
            code="version-changed", owner=Owner.PLATFORM, detail=detail,
        )  # fmt: skip
    if 300 <= status < 400 or (not errors and 400 <= status < 500 and status != 408):
        return _elsewhere(status, headers, detail)
    if code in ("VERSION_MISMATCH", "CONFLICT") or status == 409:
        return VersionMismatch(
            "The record is being changed at Square at the same time; it is read again.",
            code="not-ready", detail=detail,
        )  # fmt: skip
    if status >= 500 or status == 408 or first.get("category") == "API_ERROR":
        return _unwell(status, detail, reading=reading)
    return refusal(first, detail)


def refusal(error: Mapping[str, Any], detail: str = "") -> Rejected:
    """What Square understood and refused."""
    code = str(error.get("code", ""))
    ours, owner, move = REFUSALS.get(code, ("", Owner.PARTNER, ""))
    if not ours and code in _MISSING:
        ours, move = "missing-required", "Fill it at its source, or map it."
    elif not ours and code in _LARGE:
        ours, owner, move = "payload-too-large", Owner.PLATFORM, "We sent too much at once."
    elif not ours and "currency" in str(error.get("detail", "")).lower():
        ours, move = "currency-mismatch", "Send amounts in the seller's own currency."
    elif not ours and code.startswith(_FORM):
        ours, move = "type-mismatch", "Correct the value or its mapping."
    said = str(error.get("detail") or code or "no reason given").rstrip(".")
    about = f" ({error['field']})" if error.get("field") else ""
    return Rejected(
        f"Square refused it: {said}{about}. {move or 'Correct the record, then resend it.'}",
        code=ours or "rejected", owner=owner, detail=detail or code,
    )  # fmt: skip


def silent(error: OutcomeUnknown, *, reading: bool) -> ConnectorError:
    """The connection broke before the answer was whole."""
    if not reading:
        return error
    return Unavailable("Square did not answer; it will be asked again.", detail=str(error))


def not_json(start: str, *, reading: bool) -> ConnectorError:
    """A page for people where data was promised."""
    message = (
        f"Square's address answered with a web page instead of data (it begins with {start!r}): "
        "check the address in the connection; if it is right, wait for Square's maintenance to end."
    )
    kind: type[ConnectorError] = Unavailable if reading else OutcomeUnknown
    return kind(message, code="page-anomaly", owner=Owner.PARTNER)


def _not_let_in(status: int, code: str, detail: str) -> AccessRefused:
    if code == "ACCESS_TOKEN_REVOKED":
        return AccessRefused(
            "The seller has disconnected the application at Square: connect it again.",
            code="revoked", detail=detail,
        )  # fmt: skip
    if code in _CLOSED:
        return AccessRefused(
            "Square has closed the application or the account: see Square's Developer Console.",
            code="revoked", owner=Owner.PARTNER, detail=detail,
        )  # fmt: skip
    if status == 403:
        return AccessRefused(
            "The access lacks a permission that is needed here: connect Square again and agree to "
            "everything that is asked for.",
            code="scope-missing", detail=detail,
        )  # fmt: skip
    if code == "ACCESS_TOKEN_EXPIRED":
        return TokenExpired(
            "The access to Square has run out and can't be renewed: connect Square again.",
            detail=detail,
        )
    return TokenExpired(
        "Square does not know the access token: connect Square again.", code="revoked",
        detail=detail,
    )  # fmt: skip


def _elsewhere(status: int, headers: Mapping[str, str], detail: str) -> AccessRefused:
    if status < 400:
        return AccessRefused(
            f"The address leads on to {headers.get('location', 'another one')}: enter Square's "
            "own address in the connection.",
            code="moved", detail=detail,
        )  # fmt: skip
    return AccessRefused(
        "The address answers, but not as Square does: enter https://connect.squareup.com, or the "
        "sandbox's address.",
        code="version-changed", detail=detail,
    )  # fmt: skip


def _unwell(status: int, detail: str, *, reading: bool) -> ConnectorError:
    """503 says that the request wasn't taken; after any other failure it may have been done."""
    if reading or status == 503:
        return Unavailable("Square is unwell; it will be asked again.", detail=detail)
    return OutcomeUnknown(
        "Square failed while it was at it; whether it is done will be looked up.", detail=detail
    )


def _seconds(headers: Mapping[str, str]) -> float | None:
    told = headers.get("retry-after", "")
    return float(told) if told.isdigit() else None

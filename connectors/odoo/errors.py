"""Odoo's answers as the SDK's errors: one table, read from top to bottom.

Statuses, exception names and messages are those recorded from Odoo 19.0. Codes are those of the
exception taxonomy (docs/exceptions.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

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

Make = Callable[[str], ConnectorError]


@dataclass(frozen=True, slots=True)
class Row:
    """``status`` 0 and empty texts match anything; ``name`` and ``message`` are regexes."""

    status: int
    name: str
    message: str
    make: Make


def _rejected(code: str, move: str, owner: Owner = Owner.PARTNER) -> Make:
    return lambda said: Rejected(f"Odoo refused it ({said}): {move}", code=code, owner=owner)


def _access(code: str, move: str) -> Make:
    return lambda said: AccessRefused(f"Odoo refused us ({said}): {move}", code=code)


def _unwell(said: str) -> ConnectorError:
    return Unavailable(f"Odoo is unwell ({said}) and did nothing; we try again by ourselves.")


TABLE: tuple[Row, ...] = (
    Row(401, "", "", _access("revoked", "make a new API key in Odoo and enter it here.")),
    Row(403, "", "^Private method", _rejected("bug", "we mend this.", Owner.PLATFORM)),
    Row(403, "", "", _access("scope-missing", "give the integration user this right in Odoo.")),
    Row(404, r"MissingError", "", _rejected(
        "reference-missing", "a record it points to was deleted in Odoo; restore it there.")),
    Row(404, "", r"^the model", _access("version-changed", "install that app in Odoo.")),
    Row(404, r"\w", "", _access("version-changed", "this version of Odoo lacks that function.")),
    Row(404, "", "", _access("revoked", "there is no JSON-2 API here; check the address.")),
    Row(422, "", r"[Ll]ock [Dd]ate", _rejected(
        "period-closed", "open the period in Odoo's accounting, then resend.", Owner.MERCHANT)),
    Row(422, "", r"No open session", _rejected(
        "not-ready", "open a session of that till in Odoo, then resend.")),
    Row(422, "", r"Another session is already opened", _rejected(
        "not-ready", "another session of that till was just opened; resend.")),
    Row(422, "", r"not fully paid", _rejected(
        "rounding-out-of-tolerance", "what was paid differs from the total; correct the receipt.")),
    Row(422, "", r"uuid already exists|duplicate key|already assigned", _rejected(
        "duplicate-exact", "Odoo holds one like it; compare both and decide.")),
    Row(422, "", r"nothing left to pay", _rejected(
        "duplicate-near", "the document is paid already; compare the payments in Odoo.")),
    Row(422, "", r"[Bb]arcode", _rejected("duplicate-exact", "correct the barcode in Odoo.")),
    Row(422, r"UnprocessableEntity", "", _rejected("version-changed", "we mend this.",
                                                   Owner.PLATFORM)),
    Row(422, "", "", _rejected("rejected", "correct it in Odoo or in the record, then resend.")),
    Row(400, "", "", _rejected("bug", "we mend this.", Owner.PLATFORM)),
    Row(500, r"ValueError|TypeError|KeyError", "", _rejected(
        "unknown-field-type", "this Odoo lacks a field we use; we mend this.", Owner.PLATFORM)),
    Row(500, r"\w", "", _unwell),
    Row(503, "", "", _unwell),
)  # fmt: skip


def refusal(answer: Response, *, reading: bool) -> ConnectorError:
    """The error for an answer that isn't a JSON 200.

    Odoo's own refusals name an exception: then its transaction was undone, surely nothing was
    done. An error without that name comes from something between us, which may have passed the
    request on; for a read that is harmless, for anything else the outcome is unknown.
    """
    body = _body(answer)
    said = str(body.get("message", "")).strip().replace("\n", " ")[:200] or str(answer.status)
    if answer.status == 429:
        return RateLimited(
            "Odoo asked us to slow down; we go on by ourselves.",
            retry_after=_seconds(answer.headers),
        )
    name = str(body.get("name", ""))
    for row in TABLE:
        if row.status == answer.status and _fits(row.name, name) and _fits(row.message, said):
            error = row.make(said)
            error.detail = f"{answer.status} {name}: {said}"
            return error
    return unclear(f"Odoo's address answered with status {answer.status}", reading=reading)


def unclear(what: str, *, reading: bool) -> ConnectorError:
    """An answer that proves nothing."""
    if reading:
        return Unavailable(f"{what}; we ask again by ourselves.", code="page-anomaly")
    return OutcomeUnknown(f"{what}; it may have been done, so we look it up by ourselves.")


def _body(answer: Response) -> Mapping[str, Any]:
    try:
        body = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}


def _fits(pattern: str, text: str) -> bool:
    return not pattern or re.search(pattern, text) is not None


def _seconds(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "")
    return float(value) if value.isdigit() else None

"""A database's errors in the SDK's words: what happened, and whose move it is.

Told by the SQLSTATE (PostgreSQL, appendix "PostgreSQL Error Codes") or by the server's error
number (MySQL and MariaDB, "Server Error Message Reference"); for another driver by the class of
PEP 249. The database's own first sentence goes along; its parameters and our secrets never do.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import exc

from connectors.sdk.errors import (
    AccessRefused,
    ConnectorError,
    OutcomeUnknown,
    Owner,
    Rejected,
    Unavailable,
)

#: Kind of trouble by SQLSTATE: the whole, or its class of two.
_STATES = {
    "57014": "slow", "55P03": "locked", "40P01": "locked", "40001": "locked",
    "25006": "read-only", "42501": "forbidden",
    "42P01": "absent", "42703": "absent", "42883": "absent", "3F000": "absent", "42702": "wrong",
    "42804": "type", "42601": "wrong",
    "23505": "twice", "23503": "points-nowhere", "23502": "empty", "23514": "check",
    "28P01": "sign-in", "28000": "sign-in", "3D000": "sign-in",
    "22": "type", "42": "wrong", "08": "away", "53": "away", "57": "away", "58": "away",
}  # fmt: skip

#: Kind of trouble by error number of MySQL and MariaDB.
_NUMBERS = {
    1045: "sign-in", 1044: "sign-in", 1049: "sign-in", 1130: "sign-in", 1698: "sign-in",
    1251: "sign-in", 2026: "tls",
    1142: "forbidden", 1143: "forbidden", 1227: "forbidden", 1290: "read-only",
    1792: "read-only", 1836: "read-only",
    1146: "absent", 1054: "absent", 1305: "absent", 1060: "wrong", 1064: "wrong", 1052: "wrong",
    3024: "slow", 1969: "slow", 1317: "slow",
    1205: "locked", 1213: "locked", 3572: "locked",
    1062: "twice", 1452: "points-nowhere", 1216: "points-nowhere", 1048: "empty", 1364: "empty",
    3819: "check", 4025: "check",
    1264: "type", 1265: "type", 1292: "type", 1366: "type", 1406: "type", 1411: "type",
    3140: "type", 1367: "type", 4078: "type",
}  # fmt: skip

#: (exception, code, whose move, what happened and the move) of a read or a whole connection.
_REFUSALS: dict[str, tuple[str, Owner, str]] = {
    "sign-in": ("revoked", Owner.MERCHANT,
                "The database doesn't let us in: check user, password, database and from where "
                "the account may connect."),
    "tls": ("revoked", Owner.MERCHANT,
            "The encrypted connection to the database failed: enter the authority of its "
            "certificate, or correct the TLS setting."),
    "forbidden": ("scope-missing", Owner.MERCHANT,
                  "The account lacks a right there: have the database's administrator grant it."),
    "read-only": ("scope-missing", Owner.PARTNER,
                  "The database refused a change, because the session or the server is "
                  "read-only: correct the query, or name the server that takes changes."),
    "absent": ("column-missing", Owner.PARTNER,
               "A table, column or function isn't there: correct the query or the name of the "
               "table."),
    "wrong": ("column-missing", Owner.PARTNER,
              "The database doesn't understand the query: correct it."),
}  # fmt: skip

#: (code, what happened and the move) of one row that is written.
_ROW_REFUSALS: dict[str, tuple[str, str]] = {
    "twice": ("duplicate-exact",
              "The staging table has another row with a value that must be unique: remove the "
              "wrong one or correct the record, then resend."),
    "points-nowhere": ("reference-missing",
                       "The row points to one that isn't there: create it there, then resend."),
    "empty": ("missing-required",
              "The staging table needs a column that is empty: fill it in the mapping."),
    "type": ("type-mismatch",
             "A value doesn't fit its column: correct the mapping or the column."),
    "check": ("rejected",
              "A rule of the staging table refuses the row: correct the record or the mapping."),
}  # fmt: skip

#: What libpq tells of a failed sign-in is only a sentence, without a code.
_SIGN_IN = re.compile(
    r"password authentication failed|no pg_hba\.conf entry|database \".*\" does not exist"
    r"|role \".*\" does not exist|not permitted to log in|authentication method requirement"
    r"|permission denied for database",
    re.IGNORECASE,
)
_TLS = re.compile(r"certificate|SSL error|server does not support SSL|SSL is required", re.I)


def told(
    error: exc.SQLAlchemyError,
    *,
    secret: str = "",
    row: bool = False,
    committing: bool = False,
) -> ConnectorError:
    """``row``: one row was being written, so what is wrong with it is the row's own affair.
    ``committing``: the commit was on its way, so its outcome is unknown when no answer came."""
    original = getattr(error, "orig", None) or error
    words = _words(original, secret)
    kind = "away" if getattr(error, "connection_invalidated", False) else kind_of(error, original)
    if committing and kind == "away":
        return OutcomeUnknown(
            "The database gave no answer when the rows were committed; they are sent again, and "
            f"our reference keeps them single. It said: {words}",
            detail=words,
        )
    if row and kind in _ROW_REFUSALS:
        code, what = _ROW_REFUSALS[kind]
        return Rejected(f"{what} It said: {words}", code=code, detail=words)
    if kind in _REFUSALS:
        code, owner, what = _REFUSALS[kind]
        return AccessRefused(f"{what} It said: {words}", code=code, owner=owner, detail=words)
    if kind == "slow":
        return Unavailable(
            "The database stopped a statement that took too long: have an index made on key and "
            f"watermark, ask for smaller pages, or allow more seconds. It said: {words}",
            code="statement-slow", owner=Owner.PARTNER, detail=words,
        )  # fmt: skip
    if kind == "locked":
        return Unavailable(
            "Another session of the database holds a lock that is needed; it is tried again. If "
            f"it lasts, look for a session that doesn't end. It said: {words}",
            code="row-locked", owner=Owner.MERCHANT, detail=words,
        )  # fmt: skip
    if kind == "away":
        return Unavailable(f"The database can't be used now. It said: {words}", detail=words)
    return AccessRefused(
        "The database refuses what the query computes: correct the query. It said: " + words,
        code="column-missing", owner=Owner.PARTNER, detail=words,
    )  # fmt: skip


def kind_of(error: BaseException, original: Any) -> str:
    """The kind of trouble: a key of the tables above, ``away``, ``slow`` or ``locked``."""
    state = getattr(original, "sqlstate", None)
    if isinstance(state, str):
        return _STATES.get(state) or _STATES.get(state[:2], "wrong")
    first = original.args[0] if getattr(original, "args", ()) else None
    text = str(original)
    if _SIGN_IN.search(text):
        return "sign-in"
    if _TLS.search(text):
        return "tls"
    if isinstance(first, int) and first in _NUMBERS:
        return _NUMBERS[first]
    for kind, name in (
        (exc.IntegrityError, "twice"),
        (exc.DataError, "type"),
        (exc.ProgrammingError, "wrong"),
        (exc.NotSupportedError, "wrong"),
    ):
        if isinstance(error, kind):
            return name
    return "away"


def _words(original: Any, secret: str) -> str:
    """The database's first sentence, without its parameters and without our password."""
    diag = getattr(original, "diag", None)
    text = getattr(diag, "message_primary", None)
    if not text:
        args: tuple[Any, ...] = getattr(original, "args", ())
        text = str(args[1] if len(args) > 1 and isinstance(args[0], int) else original)
    text = " ".join(str(text).split())
    if secret:
        text = text.replace(secret, "•••")
    return text[:300]

"""What can go wrong with an outside system, sorted by what to do about it.

    ConnectorError
    ├── Unavailable        surely no effect; the whole system is unwell: wait, open the breaker
    │   └── RateLimited    ... and it said for how long
    ├── OutcomeUnknown     the call may have had its effect: look up before anything else
    ├── Rejected           this record was refused and will be refused again: a person decides
    │   └── DocumentLocked ... because the target has posted it: compensate, never overwrite
    ├── NotYet             the target isn't ready for this record (goods not shipped): ask again
    ├── MissingReference   the target lacks something this record points to: wait for that
    ├── AccessRefused      credentials or configuration: pause the connection, ask its owner
    └── Unreadable         a source said something we can't read: keep it, park it

Every error carries a *code* (the taxonomy of docs/exceptions.md), *whose move it is* and a
sentence that says what happened and what the move is, in the reader's words.
"""

from __future__ import annotations

from enum import StrEnum


class Owner(StrEnum):
    """Whose move it is."""

    PLATFORM = "platform"
    PARTNER = "partner"
    MERCHANT = "merchant"


class ConnectorError(Exception):
    """Base of everything a connector raises on purpose.

    ``code``: exception code, e.g. ``sku-missing``. ``detail``: a redacted technical excerpt for
    the attempt's row; never shown first, never holding a secret.
    """

    code = "bug"
    owner = Owner.PLATFORM

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        owner: Owner | None = None,
        detail: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])
        if code is not None:
            self.code = code
        if owner is not None:
            self.owner = owner
        self.detail = detail[:2000]
        self.retry_after = retry_after


class Unavailable(ConnectorError):
    """The system can't be reached or is unwell; nothing was done."""

    code = "unavailable"


class RateLimited(Unavailable):
    """The system asked us to slow down; nothing was done. ``retry_after``: seconds, if it said."""

    code = "rate-limited"


class OutcomeUnknown(ConnectorError):
    """The request was sent and no clear answer came: it may have had its effect."""

    code = "timeout-ambiguous"


class Rejected(ConnectorError):
    """The system understood and refused this record; sending it again changes nothing."""

    code = "rejected"
    owner = Owner.PARTNER


class DocumentLocked(Rejected):
    """The target has posted or paid this document; it can only be compensated."""

    code = "record-locked"
    owner = Owner.PARTNER


class NotYet(ConnectorError):
    """The target must reach a state first (say: ship the goods); ask again later."""

    code = "not-ready"
    owner = Owner.PARTNER


class MissingReference(ConnectorError):
    """The target lacks a record this one points to.

    ``entity`` and ``key`` ({kind: value}) name it in canonical words.
    """

    code = "reference-missing"
    owner = Owner.PARTNER

    def __init__(self, message: str, *, entity: str, key: dict[str, str], **kw: object) -> None:
        super().__init__(message, **kw)  # type: ignore[arg-type]
        self.entity = entity
        self.key = key


class AccessRefused(ConnectorError):
    """Credentials are wrong, expired or too weak, or the address is not this system's."""

    code = "revoked"
    owner = Owner.MERCHANT


class Unreadable(ConnectorError):
    """A source sent something that isn't what it promises to send."""

    code = "unreadable"
    owner = Owner.PARTNER

"""Connecting by consent: send a person to the other system, keep what it hands us, once.

The link's ``state`` is the only thing the other system gives back, so it alone finds the row: 256
random bits, kept as a hash, good for one answer within `LIFETIME`, at this partner's host only
(the row is in the partner's schema), for one connection and the person who asked.
"""

from __future__ import annotations

import hashlib
import secrets as random
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from connectors.registry import connectors
from connectors.sdk.consent import ConsentAnswer, ConsentAsk
from connectors.sdk.errors import ConnectorError
from connectors.sdk.records import CheckLine
from hub.connections import lifecycle, session
from hub.connections.config import with_defaults
from hub.connections.models import Connection, Consent
from hub.connections.selectors import takes_pushes
from kernel.audit.record import record

#: Long enough to sign in at the other system, short enough that a forgotten link is worth nothing.
LIFETIME = timedelta(minutes=20)


class Why(StrEnum):
    """Why an answer isn't taken."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    USED = "used"
    DECLINED = "declined"


class NotTaken(Exception):
    """An answer that changes nothing. ``why``; the message says what to do. ``consent``: the row,
    where there is one."""

    def __init__(self, why: Why, message: str, consent: Consent | None = None) -> None:
        super().__init__(message)
        self.why = why
        self.consent = consent


def offered(connection: Connection) -> bool:
    """Whether its connector can be connected by consent at all."""
    if connection.connector not in connectors():
        return False
    return _address(connection, ConsentAsk("", "", "", "")) is not None


def begin(
    connection: Connection, *, person: UUID, return_to: str, callback: str, product: str
) -> str:
    """The address to send the person to. Links made before for the connection end.

    ``callback``: an address of ours; the state is added to it. Raises lifecycle.NotPossible where
    the connector knows no consent.
    """
    state = random.token_urlsafe(32)
    ask = ConsentAsk(state, return_to, f"{callback}?state={state}", product)
    address = _address(connection, ask)
    if address is None:
        title = connectors()[connection.connector].manifest.title
        raise lifecycle.NotPossible(f"{title} is connected by credentials: enter them instead.")
    now = timezone.now()
    with transaction.atomic():
        open_links = Consent.objects.filter(connection=connection, answered_at=None)
        open_links.filter(expires_at__gt=now).update(expires_at=now)
        Consent.objects.create(
            connection=connection,
            state_hash=hashed(state),
            person_id=person,
            return_to=return_to,
            expires_at=now + LIFETIME,
        )
        detail = {"title": connection.title}
        record(f"user:{person}", "connection.consent-asked", _subject(connection), detail)
    return address


def posted(state: str, body: bytes) -> Consent:
    """The system hands credentials to our address, with nobody signed in. Raises NotTaken."""
    return _keep(_claimed(state), {}, body)


def returned(state: str, query: Mapping[str, str], *, person: UUID) -> Consent:
    """The person is back. Either the credentials were posted already, or the query brings what to
    exchange for them. Tries the connection and, if all is well, has the source push to us.

    Raises NotTaken, also when another person than the one who asked opens the address.
    """
    found = _found(state)
    if found.person_id != person:
        raise NotTaken(Why.UNKNOWN, _SENTENCES[Why.UNKNOWN])
    if found.kept_at is None:
        found = _keep(_claimed(state), query, b"")
    if not Consent.objects.filter(pk=found.pk, returned_at=None).update(returned_at=timezone.now()):
        raise NotTaken(Why.USED, _SENTENCES[Why.USED], found)
    lines = _tried(found.connection, f"user:{person}")
    found.lines = [{"what": one.what, "ok": one.ok, "move": one.move} for one in lines]
    found.save(update_fields=["lines"])
    return found


def latest(connection: Connection) -> Consent | None:
    """The last time somebody connected it this way and came back."""
    rows = Consent.objects.filter(connection=connection, returned_at__isnull=False)
    return rows.order_by("-returned_at").first()


def hashed(state: str) -> str:
    """How a state is kept: whoever reads the table can't answer with it."""
    return hashlib.sha256(state.encode()).hexdigest()


_SENTENCES = {
    Why.UNKNOWN: "This address belongs to no link of yours: begin again at the connection.",
    Why.EXPIRED: "The link was good for twenty minutes, or a newer one took its place: "
    "begin again at the connection.",
    Why.USED: "This link has done its work: look at the connection, or begin again there.",
}


def _address(connection: Connection, ask: ConsentAsk) -> str | None:
    kind = connectors()[connection.connector]
    config = with_defaults(kind.manifest, connection.config)
    return kind.consent(config, session.secrets_of(connection), ask)


def _found(state: str) -> Consent:
    rows = Consent.objects.select_related("connection")
    found = rows.filter(state_hash=hashed(state)).first()
    if found is None:
        raise NotTaken(Why.UNKNOWN, _SENTENCES[Why.UNKNOWN])
    return found


def _claimed(state: str) -> Consent:
    """The row, if this is its first answer and in time: the update is the election."""
    found, now = _found(state), timezone.now()
    mine = Consent.objects.filter(pk=found.pk, answered_at=None, expires_at__gt=now)
    if not mine.update(answered_at=now):
        why = Why.USED if found.answered_at else Why.EXPIRED
        raise NotTaken(why, _SENTENCES[why], found)
    return found


def _keep(consent: Consent, query: Mapping[str, str], body: bytes) -> Consent:
    """Credentials to the vault; a connection that stood still for want of them goes on."""
    connection, actor = consent.connection, f"user:{consent.person_id}"
    try:
        connector = session.open_connector(connection)
        kept = connector.consented(ConsentAnswer(query, body, consent.return_to))
    except ConnectorError as refused:
        raise NotTaken(Why.DECLINED, str(refused), consent) from refused
    with transaction.atomic():
        for field, value in kept.items():
            lifecycle.store_secret(connection, field, value, actor=actor)
        detail = {"title": connection.title}
        record(actor, "connection.consented", _subject(connection), detail)
        if connection.state == Connection.State.ATTENTION:
            lifecycle.resume(connection, actor=actor)
        consent.kept_at = timezone.now()
        consent.save(update_fields=["kept_at"])
    return consent


def _tried(connection: Connection, actor: str) -> list[CheckLine]:
    lines = session.check(connection)
    if not all(line.ok for line in lines) or not takes_pushes(connection):
        return lines
    what = f"{connection.title} tells us by itself"
    try:
        session.subscribe(connection, actor=actor)
    except ConnectorError as error:
        return [*lines, CheckLine(what, ok=False, move=str(error))]
    return [*lines, CheckLine(what, ok=True)]


def _subject(connection: Connection) -> str:
    return f"connection:{connection.pk}"


def line_of(told: Mapping[str, Any]) -> CheckLine:
    """A line as it was stored."""
    return CheckLine(str(told["what"]), bool(told["ok"]), str(told["move"]))

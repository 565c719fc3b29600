"""The one door that activates a partner's schema: for a request, a message, a command, a loop.

Nothing else calls django-tenants' switches (a structure test holds that). A context lives in one
thread: it does not cross into another thread or a coroutine, so the web and the ORM stay sync.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import dramatiq
from django.db import close_old_connections
from django_tenants.utils import schema_context, tenant_context
from dramatiq.middleware import MiddlewareError

from kernel.schema import PUBLIC, active_schema, active_tenant
from kernel.telemetry import logs
from tenants.partners import selectors
from tenants.partners.models import Partner


class NoPartner(MiddlewareError):
    """Work arrived that doesn't say whose it is; the sender must name the partner's schema.

    A MiddlewareError, because that is the only kind Dramatiq lets stop a message: any other error
    of a "before" hook is logged, and the actor runs.
    """


@contextmanager
def partner_context(partner: Partner | str) -> Iterator[None]:
    """Run the body in the partner's schema, given as a row or as a schema name.

    Nests; the schema before is active again afterwards, also after an error. The name is not
    looked up: a name without a schema makes the first query fail, closed.
    """
    schema = partner if isinstance(partner, str) else partner.schema_name
    if not schema:
        raise NoPartner("No schema was named: pass the partner or its schema name.")
    door = schema_context(partner) if isinstance(partner, str) else tenant_context(partner)
    with door, logs.bound(partner=schema):
        yield


@contextmanager
def public_context() -> Iterator[None]:
    """Run the body in the public schema: partners, people, platform audit."""
    with schema_context(PUBLIC):
        yield


def current_schema() -> str:
    """The active schema's name, ``public`` outside any partner."""
    return active_schema()


def current_partner() -> Partner:
    """The partner whose schema is active. Raises NoPartner in the public schema."""
    tenant = active_tenant()
    if isinstance(tenant, Partner):
        return tenant
    if current_schema() == PUBLIC:
        raise NoPartner("No partner is active here: enter partner_context() first.")
    return selectors.partner_by_schema(current_schema())


def each_partner(partners: Iterable[Partner] | None = None) -> Iterator[Partner]:
    """Every partner that isn't closing, each yielded with its schema active."""
    for partner in selectors.open_partners() if partners is None else partners:
        with partner_context(partner):
            yield partner


class PartnerMiddleware(dramatiq.Middleware):
    """Runs each message in the schema its option ``schema`` names; refuses one that names none.

    Send with ``actor.send_with_options(args=…, schema=partner.schema_name)``. An actor of the
    platform itself says so with ``schema="public"``. The context is left after the message, and
    after a skip, so a worker thread never carries one partner into the next message.
    """

    def __init__(self) -> None:
        self._open: dict[str, Any] = {}

    @property
    def actor_options(self) -> set[str]:
        return {"schema"}

    def before_enqueue(
        self, broker: dramatiq.Broker, message: dramatiq.Message, delay: int
    ) -> None:
        """Refuse at the sender: a message without a partner is a defect of the caller."""
        self._schema(message)

    def before_process_message(
        self, broker: dramatiq.Broker, message: dramatiq.MessageProxy
    ) -> None:
        door = partner_context(self._schema(message))
        close_old_connections()
        door.__enter__()
        self._open[message.message_id] = door

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: dramatiq.MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        self._leave(message)

    def after_skip_message(self, broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        self._leave(message)

    def _schema(self, message: Any) -> str:
        schema = message.options.get("schema")
        if not isinstance(schema, str) or not schema:
            raise NoPartner(
                f"The message for {message.actor_name} names no partner: send it with the option "
                "schema=<the partner's schema>."
            )
        return schema

    def _leave(self, message: dramatiq.MessageProxy) -> None:
        door = self._open.pop(message.message_id, None)
        if door is not None:
            door.__exit__(None, None, None)
        close_old_connections()

"""What must be known before something is done again: what a target calls a record."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.registry import connectors
from hub.connections.selectors import manifest_of
from hub.portal.systems import System
from hub.sync.models import Binding, Delivery, Record


def object_there(row: Delivery, system: System) -> str:
    """Which of the target's objects the delivery's ids name; "" if its connector no longer writes
    this resource, and then nothing can be said or forgotten about it."""
    found = manifest_of(system.row).resources if system.row.connector in connectors() else []
    return next((one.object for one in found if one.name == row.resource), "")


def names_there(row: Delivery, system: System) -> list[Binding]:
    """What the target calls the record and the steps of its writing. One query."""
    rows = Binding.objects.filter(connection_id=row.connection_id, record_id=row.record_id)
    return names_among(rows.order_by("created_at", "pk"), row, system)


def names_among(bindings: Iterable[Binding], row: Delivery, system: System) -> list[Binding]:
    """Those of a record's bindings that writing this delivery made or goes by."""
    kind, steps = object_there(row, system), f"{row.resource}/"
    return [
        one
        for one in bindings
        if one.connection_id == row.connection_id
        and kind
        and (one.object == kind or one.object.startswith(steps))
    ]


def can_recreate(row: Delivery, record: Record, names: list[Binding]) -> bool:
    """Whether the target can have lost it: it took it once, and it isn't where the record lives
    (a source that lost its own record tells us so itself)."""
    settled = row.problem not in {Delivery.Problem.RETIRED, Delivery.Problem.UNKNOWN}
    home = record.origin_id == row.connection_id
    return bool(settled and not home and row.sending_version is None and names)


def taken_by(row: Delivery, system: System, external_id: str) -> Binding | None:
    """What of ours has that id there already and isn't this record. One query."""
    return (
        Binding.objects.filter(
            connection_id=row.connection_id,
            object=object_there(row, system),
            external_id=external_id,
        )
        .exclude(record_id=row.record_id)
        .select_related("record")
        .first()
    )

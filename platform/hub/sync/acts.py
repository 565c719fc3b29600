"""Acts on the path that the audit knows."""

from __future__ import annotations

from kernel.audit import acts

acts.register(
    {
        "exception.assigned": "{actor} assigned “{code}” to {to}",
        "exception.snoozed": "{actor} put “{code}” off until {until}",
        "exception.resolved": "{actor} resolved “{code}”: {note}",
        "exception.ignored": "{actor} ignored “{code}”: {reason}",
        "delivery.resent": "{actor} had {count} deliveries sent again",
        "delivery.recreated": "{actor} stated that the target lost the record; it is re-created",
        "delivery.declared": "{actor} stated that the uncertain delivery {verdict}",
        "event.renormalised": "{actor} had event {event} read again",
    }
)

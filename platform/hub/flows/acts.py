"""Acts on flows, ownership and availability that the audit knows."""

from __future__ import annotations

from kernel.audit import acts

acts.register(
    {
        "flow.created": "{actor} created the flow {title}",
        "flow.changed": "{actor} changed {fields} of the flow {title}",
        "flow.activated": "{actor} activated the flow {title}",
        "flow.deactivated": "{actor} deactivated the flow {title}",
        "ownership.set": "{actor} made {connections} the owner of {entity}.{group}",
        "availability.set": "{actor} set what is available as {code}: {locations} less {buffer}",
        "availability.ended": "{actor} ended the computing of what is available as {code}",
    }
)

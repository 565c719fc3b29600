"""Acts on partners that the audit knows."""

from __future__ import annotations

from kernel.audit import acts

acts.register(
    {
        "partner.created": "{actor} created the partner {name}",
        "partner.suspended": "{actor} suspended the partner {name}: {reason}",
        "partner.resumed": "{actor} lifted the suspension of the partner {name}",
        "partner.closing": "{actor} began closing the partner {name}",
        "domain.added": "{actor} added the host {host}",
        "domain.verified": "{actor} verified the host {host}",
        "brand.changed": "{actor} changed the brand: {fields}",
    }
)

"""Acts on partners that the audit knows."""

from __future__ import annotations

from kernel.audit import acts

acts.register(
    {
        "partner.created": "{actor} created the partner {name}",
        "partner.suspended": "{actor} suspended the partner {name}: {reason}",
        "partner.resumed": "{actor} lifted the suspension of the partner {name}",
        "partner.closing": "{actor} began closing the partner {name}",
        "partner.archived": "{actor} wrote the archive of the partner {name}: {sha256}",
        "partner.renamed": "{actor} took the partner {name} out of use; its data goes on {drop_on}",
        "partner.dropped": "{actor} dropped all data of the partner {name}",
        "domain.added": "{actor} added the host {host}",
        "domain.verified": "{actor} verified the host {host}",
        "brand.changed": "{actor} changed the brand: {fields}",
    }
)

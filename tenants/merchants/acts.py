"""Acts on merchants and environments that the audit knows."""

from __future__ import annotations

from kernel.audit import acts

acts.register(
    {
        "merchant.created": "{actor} created the merchant {name}",
        "merchant.changed": "{actor} changed the merchant {name}: {fields}",
        "environment.created": "{actor} created the {kind} environment of {merchant}",
        "environment.paused": "{actor} paused the {kind} environment of {merchant}",
        "environment.resumed": "{actor} resumed the {kind} environment of {merchant}",
    }
)

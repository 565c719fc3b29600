"""Acts on mappings that the audit knows."""

from __future__ import annotations

from kernel.audit import acts

acts.register(
    {
        "mapping.replaced": "{actor} put version {version} of {name} in force at {connection}",
        "mapping.restored": "{actor} went back to the connector's own {name} at {connection}",
    }
)

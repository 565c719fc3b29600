"""Acts on connections that the audit knows."""

from __future__ import annotations

from kernel.audit import acts

acts.register(
    {
        "connection.made": "{actor} connected {title} ({connector})",
        "connection.changed": "{actor} changed {fields} of {title}",
        "connection.secret-stored": "{actor} stored the secret {field} of {title}",
        "connection.rotation-ended": "{actor} forgot the previous secrets of {title}",
        "connection.paused": "{actor} paused {title}: {reason}",
        "connection.resumed": "{actor} resumed {title}",
        "connection.consent-asked": "{actor} went to {title} to agree that it is connected",
        "connection.consented": "{actor} agreed at {title}, which handed over its credentials",
        "connection.subscribed": "{actor} had {title} push to us",
    }
)

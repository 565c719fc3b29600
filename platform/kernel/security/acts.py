"""Acts on keys that the audit knows."""

from __future__ import annotations

from kernel.audit import acts

acts.register(
    {
        "vault.key-made": "{actor} put a new master key in force ({key})",
        "vault.key-forgotten": "{actor} forgot the former master keys; {key} stays",
        "vault.data-key-changed": "{actor} gave {subject} a new data key",
    }
)

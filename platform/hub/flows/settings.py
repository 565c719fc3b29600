"""What a flow does in the cases that aren't plain."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class FlowSettings(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """``on_leave``: a delivered record stops matching the condition (engine rule 1.5).
    ``void``: a document was cancelled before its first delivery (rule 1.4); *skip* creates
    nothing, *create_then_void* creates it and cancels it, for targets that number everything.
    ``follows``: content field holding a `Ref`; the record goes only where that one went.
    ``starts_from``: RFC 3339 instant; documents and facts older than it stay out. "" = all.
    """

    on_leave: Literal["keep", "cancel", "delete"] = "keep"
    void: Literal["skip", "create_then_void"] = "skip"
    follows: str = ""
    starts_from: str = ""


def read_settings(raw: dict[str, Any]) -> FlowSettings:
    """Raises msgspec.ValidationError naming the key that is wrong."""
    return msgspec.convert(raw, FlowSettings)

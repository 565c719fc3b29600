"""The catalogue of acts: what may be written to the audit, and how it reads.

An app declares its acts in its own `acts.py`, found when Django starts:

    from kernel.audit import acts
    acts.register({"connection.paused": "{actor} paused the connection {name}: {reason}"})

A template may use ``{actor}``, ``{subject}`` and every key of the act's detail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any

CODE = re.compile(r"[a-z][a-z-]*(\.[a-z][a-z-]*)+")
_templates: dict[str, str] = {}


class UnknownAct(LookupError):
    """Someone wrote an act that no app declared: add it to the app's `acts.py`."""


def register(templates: Mapping[str, str]) -> None:
    """Declare acts, code to sentence. Raises ValueError on a bad code or a second meaning."""
    for code, template in templates.items():
        if not CODE.fullmatch(code):
            raise ValueError(f"{code!r} is not a code: write it like 'partner.suspended'.")
        if _templates.setdefault(code, template) != template:
            raise ValueError(f"The act {code!r} has two sentences: give one of them its own code.")


def required(code: str) -> str:
    """The sentence of an act. Raises UnknownAct."""
    try:
        return _templates[code]
    except KeyError:
        raise UnknownAct(f"No app declares the act {code!r}: add it to its acts.py.") from None


def catalogue() -> dict[str, str]:
    """Every declared act, code to sentence."""
    return dict(_templates)


def readable(code: str, actor: str, subject: str, detail: Mapping[str, Any]) -> str:
    """The act as a sentence; what an old entry lacks shows as "?", an old code as itself."""
    template = _templates.get(code)
    if template is None:
        return f"{actor}: {code} {subject}"
    values = {"actor": actor, "subject": subject, **detail}
    names = {name for _, name, _, _ in Formatter().parse(template) if name}
    return template.format_map({name: values.get(name, "?") for name in names})


register(
    {
        "vault.secret-stored": "{actor} stored the secret {field} of {subject}",
        "vault.secret-deleted": "{actor} deleted the secret {field} of {subject}",
        "vault.rewrapped": "{actor} moved the keys of {subject} under a new master key",
    }
)

"""The front door of the mapping language: compile rules, or list what is wrong with them."""

from __future__ import annotations

from typing import Any

from hub.mappings.from_canonical import FromCanonical, Rendered, compile_from_canonical
from hub.mappings.problems import MappingError, Problem
from hub.mappings.references import External, PendingRef
from hub.mappings.to_canonical import Canonical, ToCanonical, compile_to_canonical

__all__ = [
    "Canonical",
    "External",
    "FromCanonical",
    "MappingError",
    "PendingRef",
    "Problem",
    "Rendered",
    "ToCanonical",
    "compile_from_canonical",
    "compile_rules",
    "compile_to_canonical",
    "validate_rules",
]


def compile_rules(
    rules: dict[str, Any], lookups: dict[str, dict[str, Any]] | None = None
) -> ToCanonical | FromCanonical:
    """Either direction: rules that name an ``entity`` lead to canonical, others from it.

    Raises MappingError.
    """
    if "entity" in rules:
        return compile_to_canonical(rules, lookups)
    return compile_from_canonical(rules, lookups)


def validate_rules(rules: Any) -> list[Problem]:
    """Everything that is wrong with the rules; [] = they compile."""
    if not isinstance(rules, dict):
        return [Problem("", "bad-rule", "A mapping is a JSON object.")]
    try:
        compile_rules(rules)
    except MappingError as error:
        return error.problems
    return []

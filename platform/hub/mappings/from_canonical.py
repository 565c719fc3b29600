"""Canonical content → a target's body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hub.mappings.conditions import Test
from hub.mappings.expressions import Compiler
from hub.mappings.lookups import Tables, merged
from hub.mappings.nodes import builder
from hub.mappings.problems import MappingError, Problem
from hub.mappings.references import External
from hub.mappings.scope import Run, Scope

_KNOWN = {"resource", "when", "lookups", "fields", "comment"}

#: Stands for any id while a body is rendered only to see which ids it needs.
_SOME_ID = "0"


@dataclass(frozen=True, slots=True)
class Rendered:
    """``missing``: ids the target hasn't got yet and the body can't do without."""

    body: dict[str, Any]
    missing: list[External] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FromCanonical:
    """A compiled mapping of one entity to one resource. ``points``: it needs target's ids."""

    resource: str
    when: Test | None
    points: bool
    build: Callable[[Scope], dict[str, Any]]

    def applies(self, content: dict[str, Any]) -> bool:
        """Whether ``when`` holds."""
        return self.when is None or self.when(Scope(content, Run(content)))

    def references(self, content: dict[str, Any]) -> list[External]:
        """The ids of the target that ``content`` needs, in order, without repeats.

        Problems of the record are not reported here: `render` does.
        """
        if not self.points:
            return []
        run = Run(content, lambda asked: _SOME_ID)
        self.build(Scope(content, run))
        return list(dict.fromkeys(asked for asked, _ in run.pointers))

    def render(self, content: dict[str, Any], ids: Callable[[External], str | None]) -> Rendered:
        """The body. ``content`` also holds ``_id`` (our record) and ``_ref`` (our reference).

        Pure: the same content and ids give the same body. Raises MappingError naming every
        problem of the record.
        """
        run = Run(content, ids)
        body = self.build(Scope(content, run))
        if run.problems:
            raise MappingError(run.problems)
        missing = (asked for asked, found in run.pointers if not found and not asked.optional)
        return Rendered(body, list(dict.fromkeys(missing)))


def compile_from_canonical(rules: dict[str, Any], lookups: Tables | None = None) -> FromCanonical:
    """``lookups``: the connection's own tables; they win over those in the rules.

    Raises MappingError naming every problem of the rules.
    """
    compiler = Compiler(merged(rules.get("lookups", {}), lookups or {}), to_canonical=False)
    for name in sorted(set(rules) - _KNOWN):
        compiler.problems.append(Problem(name, "bad-rule", "A mapping knows no such part."))
    resource = rules.get("resource")
    if not isinstance(resource, str):
        compiler.complain("resource", "Say which resource of the target this is for.")
        resource = ""
    compiled = FromCanonical(
        resource=resource,
        when=compiler.condition(rules["when"], "when") if "when" in rules else None,
        build=builder(compiler.fields(rules.get("fields", {}), "")),
        points=compiler.points,
    )
    if compiler.problems:
        raise MappingError(compiler.problems)
    return compiled

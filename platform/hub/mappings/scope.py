"""Where an expression stands while it is evaluated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hub.mappings.problems import Problem


class _Absent:
    __slots__ = ()

    def __repr__(self) -> str:
        return "absent"

    def __bool__(self) -> bool:
        return False


#: No value. A field whose expression gives this is left out; JSON null in the input counts as it.
ABSENT: Final[Any] = _Absent()


class Run:
    """One run of a mapping over one record: the record, what went wrong, what was pointed to.

    ``pointers``: filled by reference nodes, see `hub.mappings.references`. ``resolve``: gives the
    target's id of a pointer (from canonical only).
    """

    __slots__ = ("pointers", "problems", "resolve", "top")

    def __init__(self, top: Any, resolve: Callable[[Any], str | None] | None = None) -> None:
        self.top = top
        self.problems: list[Problem] = []
        self.pointers: list[Any] = []
        self.resolve = resolve


class Scope:
    """``item``: what plain paths start at. ``index``: its place in the list of an ``each``."""

    __slots__ = ("index", "item", "parent", "run")

    def __init__(self, item: Any, run: Run, parent: Scope | None = None, index: int = -1) -> None:
        self.item = item
        self.run = run
        self.parent = parent
        self.index = index

    def fault(self, place: str, code: str, message: str) -> Any:
        """Note a problem and give ABSENT, so that the rest of the record is examined too.

        ``place``: the output path with ``[*]`` for each list the expression stands in.
        """
        head, *tails = place.split("[*]")
        scope: Scope | None = self
        indexes: list[int] = []
        while scope is not None and len(indexes) < len(tails):
            if scope.index >= 0:
                indexes.insert(0, scope.index)
            scope = scope.parent
        place = head + "".join(f"[{i}]{tail}" for i, tail in zip(indexes, tails, strict=False))
        self.run.problems.append(Problem(place, code, message))
        return ABSENT


#: A compiled expression.
Node = Callable[[Scope], Any]

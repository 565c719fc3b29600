"""An import hook: modules of ours are loaded with edits to their source, and with failpoints."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from hub.proof.chaos.injection.failpoints import POINTS, Board
from hub.proof.chaos.injection.guards import Edit, edited


class Injector(MetaPathFinder):
    """Finds modules as usual, and loads those concerned in its own way."""

    def __init__(self, edits: Mapping[str, Sequence[Edit]], board: Board | None) -> None:
        self.edits = edits
        self.board = board
        self.concerned = set(edits) | ({p.module for p in POINTS} if board else set())

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self.concerned:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path, self.edits.get(fullname, ()),
                                  self.board)  # fmt: skip
        return spec


class _Loader(SourceFileLoader):
    def __init__(
        self, fullname: str, path: str, edits: Sequence[Edit], board: Board | None
    ) -> None:
        super().__init__(fullname, path)
        self.edits = edits
        self.board = board

    def get_code(self, fullname: str) -> CodeType | None:
        if not self.edits:
            return super().get_code(fullname)
        # Never through the cache of compiled files: it belongs to the source as it lies.
        text = edited(self.get_data(self.path).decode(), self.edits)
        return compile(text, self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        if self.board is not None:
            put_in(module, self.board)


def put_in(module: ModuleType, board: Board) -> list[tuple[Any, str, Any]]:
    """Put the points of a loaded module in place; returns (owner, name, original) of each."""
    replaced = []
    for point in POINTS:
        if point.module == module.__name__:
            owner, name = point.place(module)
            original = owner.__dict__[name]
            replaced.append((owner, name, original))
            setattr(owner, name, point.around(original, board))
    return replaced


def loaded(name: str) -> ModuleType:
    """A module that was imported already."""
    return sys.modules[name]

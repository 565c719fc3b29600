"""The engine of this process without one guard: the negative controls of machines and races.

The harness edits a module's source as a process loads it; here the module is loaded already, so the
code of its functions is replaced by what the edited source compiles to.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from hub.proof.chaos.injection.guards import edited, edits_of


@contextmanager
def without(*names: str) -> Iterator[None]:
    """These guards are out until the block ends."""
    undo: list[tuple[Any, str, Any]] = []
    try:
        for module, edits in edits_of(names).items():
            loaded = import_module(module)
            source = edited(Path(loaded.__file__ or "").read_text(encoding="utf-8"), edits)
            undo += _exchange_functions(loaded, compile(source, module, "exec"))
            undo += _exchange_texts(loaded, source)
        assert undo, "nothing was taken out"
        yield
    finally:
        for owner, name, before in reversed(undo):
            setattr(owner, name, before)


def _exchange_functions(loaded: ModuleType, code: CodeType) -> list[tuple[Any, str, Any]]:
    undo = []
    for name, inner in _codes(code):
        owner: Any = loaded
        *outer, last = name.split(".")
        for one in outer:
            owner = getattr(owner, one, None)
        function = _bare(getattr(owner, last, None))
        if function is not None and _differ(function.__code__, inner):
            undo.append((function, "__code__", function.__code__))
            function.__code__ = inner
    return undo


def _bare(found: Any) -> FunctionType | None:
    """The function itself, under whatever was put around it, or within its actor."""
    found = getattr(found, "fn", found)
    found = inspect.unwrap(found) if callable(found) else None
    return found if isinstance(found, FunctionType) else None


def _differ(one: CodeType, other: CodeType) -> bool:
    """Whether two functions do different things; where they stand doesn't matter."""
    if (one.co_code, one.co_names) != (other.co_code, other.co_names):
        return True
    pairs = zip(one.co_consts, other.co_consts, strict=False)
    return len(one.co_consts) != len(other.co_consts) or any(
        _differ(a, b) if isinstance(a, CodeType) and isinstance(b, CodeType) else a != b
        for a, b in pairs
    )


def _codes(code: CodeType, prefix: str = "") -> Iterator[tuple[str, CodeType]]:
    for const in code.co_consts:
        if isinstance(const, CodeType) and not const.co_name.startswith("<"):
            yield prefix + const.co_name, const
            if not const.co_freevars:
                yield from _codes(const, f"{prefix}{const.co_name}.")


def _exchange_texts(loaded: ModuleType, source: str) -> list[tuple[Any, str, Any]]:
    undo = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            name, text = getattr(node.targets[0], "id", ""), node.value.value
            if isinstance(text, str) and getattr(loaded, name, text) != text:
                undo.append((loaded, name, getattr(loaded, name)))
                setattr(loaded, name, text)
    return undo

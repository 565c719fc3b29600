"""A declaration's file: read it, and name places in it as its author sees them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from hub.canonical.problems import Problem
from hub.canonical.shapes import structural_problems
from hub.flows.declaration.tables import Declaration


class DeclarationError(Exception):
    """The file can't be applied. ``problems``: every one, as "file: table: key: mend" lines."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Document:
    """``raw``: the TOML as read, for naming places. ``keep_secrets``: connections that exist keep
    the secrets that aren't given outside."""

    path: Path
    raw: dict[str, Any]
    declared: Declaration
    keep_secrets: bool = False

    def beside(self, name: str) -> Path:
        """A file named in the declaration: relative to it."""
        return self.path.parent / name

    def problem(self, problem: Problem) -> str:
        return _line(self.path, self.raw, problem)


def read(path: Path, *, keep_secrets: bool = False) -> Document:
    """Raises DeclarationError naming everything that is wrong with the file's form."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DeclarationError([f"{path}: it can't be read ({error.strerror})."]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeclarationError([f"{path}: it is no TOML ({error})."]) from error
    problems = list(structural_problems(Declaration, raw, partial=False))
    if problems:
        raise DeclarationError(_line(path, raw, problem) for problem in problems)
    try:
        return Document(path, raw, msgspec.convert(raw, Declaration), keep_secrets)
    except msgspec.ValidationError as error:
        raise DeclarationError([f"{path}: {error}."]) from error


def _line(path: Path, raw: Any, problem: Problem) -> str:
    """``partners[0].merchants[1].slug`` → ``[partners "north" merchants "hartley"] slug``."""
    table: list[str] = []
    key: list[str] = []
    spot = raw
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", problem.path):
        spot = _inside(spot, name or int(index))
        if index and isinstance(spot, dict):
            table, key = table + key + [_named(spot, int(index))], []
        elif index:
            key[-1] += f"[{index}]"
        else:
            key.append(name)
    where = f" [{' '.join(table)}]" if table else ""
    at = f" {'.'.join(key)}:" if key else ""
    return f"{path}:{where}{at} {problem.message}"


def _inside(spot: Any, step: str | int) -> Any:
    try:
        return spot[step]
    except (KeyError, IndexError, TypeError):
        return None


def _named(table: dict[str, Any], index: int) -> str:
    for key in ("slug", "email", "name", "code", "entity"):
        if isinstance(table.get(key), str):
            return f'"{table[key]}"'
    return f"#{index + 1}"

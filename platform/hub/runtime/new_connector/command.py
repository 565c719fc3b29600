"""`manage.py new_connector NAME [--title TEXT] [--category WORD]` (docs/connectors.md)."""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from pathlib import Path

from hub.runtime.complaint import Complaint, explained
from hub.runtime.home import ROOT

TEMPLATE = Path(__file__).parent / "template"
#: Behind a template's name, so that nobody takes it for a module or a sample.
SUFFIX = ".txt"
NAME = re.compile(r"[a-z][a-z0-9_]{1,38}")
CATEGORIES = ("shop", "pos", "erp", "marketplace", "payment", "logistics", "files", "other")
IMPORT = re.compile(r"^from connectors\.\w+\.connector import .*$", re.MULTILINE)
TUPLE = re.compile(r"(?s)(CONNECTORS: [^\n]*= \(\n.*?)(\n\))")


def main(argv: list[str]) -> int:
    """Write the folder and the registry's line. Raises Complaint."""
    parser = argparse.ArgumentParser(prog="manage.py new_connector")
    parser.add_argument("name", help="lower-case letters, digits and underscores")
    parser.add_argument("--title", help="how people call the system (default: from the name)")
    parser.add_argument("--category", choices=CATEGORIES, default="other")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    asked = parser.parse_args(argv)
    title = asked.title or asked.name.replace("_", " ").title()
    written = make(asked.root, asked.name, title, asked.category)
    sys.stdout.write(
        f"Written: {written.relative_to(asked.root)}/ and its line in connectors/registry.py.\n"
        f"What is left to fill in:\n"
        f"  python3 manage.py test {written.relative_to(asked.root)} tests/connectors"
        f" -k {asked.name}\n"
        "docs/connectors.md goes through it step by step.\n"
    )
    return 0


def make(root: Path, name: str, title: str, category: str) -> Path:
    """The folder of the new connector below ``root``; nothing that is there is written over.

    Raises Complaint for a name that can't be one or is taken.
    """
    _refuse(root, name, title)
    words = {"__NAME__": name, "__CLASS__": class_of(name), "__TITLE__": title,
             "__CATEGORY__": category}  # fmt: skip
    folder, registry = root / "connectors" / name, root / "connectors" / "registry.py"
    listed = registered(registry.read_text(encoding="utf-8"), name)
    with explained(folder):
        for source in sorted(TEMPLATE.rglob(f"*{SUFFIX}")):
            target = folder / source.relative_to(TEMPLATE).with_suffix("")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(filled(source.read_text(encoding="utf-8"), words), encoding="utf-8")
        registry.write_text(listed, encoding="utf-8")
    return folder


def class_of(name: str) -> str:
    """``my_till`` → ``MyTill``."""
    return "".join(part.capitalize() for part in name.split("_"))


def filled(text: str, words: dict[str, str]) -> str:
    """The template with its words put in."""
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text


def registered(registry: str, name: str) -> str:
    """The registry with the connector's import, in its place, and its line, at the end."""
    line = f"from connectors.{name}.connector import {class_of(name)}"
    imports = IMPORT.findall(registry)
    end = TUPLE.search(registry)
    if not imports or end is None:
        raise Complaint(
            "connectors/registry.py doesn't look as expected.",
            "Bring it back to one import a connector and one tuple, then run this again.",
        )
    registry = TUPLE.sub(rf"\1\n    {class_of(name)},\2", registry, count=1)
    after = [one for one in imports if one < line]
    if after:
        return registry.replace(after[-1], f"{after[-1]}\n{line}", 1)
    return registry.replace(imports[0], f"{line}\n{imports[0]}", 1)


def _refuse(root: Path, name: str, title: str) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or name in ("sdk", "registry"):
        raise Complaint(
            f"{name!r} can't be a connector's name.",
            "Use lower-case letters, digits and underscores, beginning with a letter.",
        )
    if (root / "connectors" / name).exists():
        raise Complaint(f"connectors/{name} is there already.", "Choose another name.")
    if not title.isprintable() or set(title) & set('"\\{}'):
        raise Complaint(
            "The title holds a character that code can't.", "Leave out quotes, braces, backslashes."
        )

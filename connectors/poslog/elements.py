"""An element of a POSLog by its plain names, whichever namespaces and prefixes a vendor uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from xml.etree.ElementTree import Element

from connectors.sdk.errors import Unreadable
from connectors.sdk.files.xmlcut import local

_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,8})?")


class Misread(Exception):
    """What is wrong with the transaction, without its name."""

    def __init__(self, why: str, code: str = Unreadable.code) -> None:
        super().__init__(why)
        self.code = code


class Node:
    """Children and attributes by local name. Missing text is ""."""

    __slots__ = ("element",)

    def __init__(self, element: Element) -> None:
        self.element = element

    @property
    def name(self) -> str:
        return local(self.element.tag)

    @property
    def text(self) -> str:
        return " ".join((self.element.text or "").split())

    def __iter__(self) -> Iterator[Node]:
        return (Node(child) for child in self.element if isinstance(child.tag, str))

    def all(self, path: str) -> Iterator[Node]:
        """Every element at ``a/b``."""
        name, _, rest = path.partition("/")
        for child in self:
            if child.name == name:
                yield from child.all(rest) if rest else (child,)

    def first(self, *paths: str) -> Node | None:
        """The first element at the first path where there is one."""
        return next((node for path in paths for node in self.all(path)), None)

    def say(self, *paths: str) -> str:
        """The first text that isn't empty at any of the paths."""
        return next((n.text for path in paths for n in self.all(path) if n.text), "")

    def attribute(self, name: str) -> str:
        found = (v for n, v in self.element.attrib.items() if local(n) == name)
        return next(found, "").strip()

    def flag(self, name: str) -> bool:
        """xs:boolean."""
        return self.attribute(name).lower() in ("true", "1")

    def number(self, *paths: str) -> Decimal | None:
        """None where nothing is said. Raises Misread."""
        text = self.say(*paths)
        return number_of(text, paths[0]) if text else None


def number_of(text: str, what: str) -> Decimal:
    """With a point or, as some tills write against the standard, a comma. XML Schema knows no
    marks between thousands, so a single mark always begins the decimals; of two kinds the later
    does. Raises Misread.
    """
    plain = text.replace(" ", "").replace("\u00a0", "").replace("\u2212", "-")
    comma, point = plain.rfind(","), plain.rfind(".")
    if comma > point:
        plain = plain.replace(".", "").replace(",", ".")
    elif comma >= 0:
        plain = plain.replace(",", "")
    if not _NUMBER.fullmatch(plain):
        raise Misread(f"{what} is no number: {text[:40]!r}")
    return Decimal(plain)

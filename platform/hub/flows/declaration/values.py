"""Values a declaration takes from outside: environment variables and files beside it."""

from __future__ import annotations

import os
from typing import Any

from hub.flows.declaration.document import Document


class NotThere(ValueError):
    """The value can't be had; the message says who must put it where."""


def is_outside(value: Any) -> bool:
    """Whether it is {env = "…"} or {file = "…"}."""
    return (
        isinstance(value, dict)
        and len(value) == 1
        and next(iter(value)) in ("env", "file")
        and all(isinstance(text, str) for text in value.values())
    )


def text_of(document: Document, value: dict[str, str]) -> str:
    """The text behind an outside value; a file's last line break is no part of it.

    Raises NotThere.
    """
    if "env" in value:
        found = os.environ.get(value["env"], "")
        if not found:
            raise NotThere(f"The environment variable {value['env']} is not set: set it.")
        return found
    return bytes_of(document, value).decode("utf-8", "replace").rstrip("\r\n")


def is_given(document: Document, value: dict[str, str]) -> bool:
    """Whether there is something behind an outside value."""
    try:
        return bool(text_of(document, value))
    except NotThere:
        return False


def bytes_of(document: Document, value: dict[str, str]) -> bytes:
    """The bytes of a {file = …}. Raises NotThere."""
    if "file" not in value:
        raise NotThere("Only {file = …} can be used here.")
    path = document.beside(value["file"])
    try:
        found = path.read_bytes()
    except OSError as error:
        raise NotThere(f"The file {path} can't be read ({error.strerror}).") from error
    if not found:
        raise NotThere(f"The file {path} is empty: put the value there.")
    return found


def resolved(document: Document, config: dict[str, Any]) -> dict[str, Any]:
    """Settings with outside values replaced by their text. Raises NotThere."""
    return {
        name: text_of(document, value) if is_outside(value) else value
        for name, value in config.items()
    }

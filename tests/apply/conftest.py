"""Declarations for tests: a folder to write them in, and the command as a person runs it."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

DOCS = Path(__file__).parents[2] / "docs" / "apply.md"
#: What the example takes from outside.
OUTSIDE = {
    "NORTHWIND_PASSWORD": "correct horse battery staple",
    "SHOP_URL": "http://127.0.0.1:21501",
    "SHOP_KEY": "ck_the_key_of_the_shop",
    "SHOP_SECRET": "cs_the_secret_of_the_shop",
    "ERP_URL": "http://127.0.0.1:21502",
    "ERP_KEY": "the-key-of-the-erp",
}

Apply = Callable[..., dict[str, Any]]


@pytest.fixture
def declaration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example of the manual in a file of its own, with everything it needs from outside."""
    for name, value in OUTSIDE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TILL_FOLDER", str(tmp_path / "tills"))
    monkeypatch.setenv("CROSSDOCK_FOLDERS", str(tmp_path))
    (example,) = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "example.toml"
    path.write_text(example, encoding="utf-8")
    return path


@pytest.fixture
def edit(declaration: Path) -> Callable[[str, str], None]:
    """``edit(old, new)``: change the declaration; ``old`` must be there."""

    def change(old: str, new: str) -> None:
        text = declaration.read_text(encoding="utf-8")
        assert old in text
        declaration.write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


@pytest.fixture
def apply(declaration: Path) -> Apply:
    """``apply(dry_run=False)``: what the command prints as JSON, problems too."""

    def run(**options: Any) -> dict[str, Any]:
        out = io.StringIO()
        with contextlib.suppress(CommandError):
            call_command("apply", str(declaration), "--json", stdout=out, **options)
        found: dict[str, Any] = json.loads(out.getvalue())
        return found

    return run

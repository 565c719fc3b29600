"""Icons as inline SVG, drawn from the files of the ``lucide`` package.

Its own renderer opens the archive of 1,700 icons anew for every icon it hasn't met: 20 to 40 ms
each, more than half a second for the first page of a process. Here it is opened once.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files
from io import BytesIO
from zipfile import ZipFile


@lru_cache(maxsize=512)
def draw(name: str, size: int) -> str:
    """``<svg …>`` of ``size`` CSS pixels, skipped by screen readers. KeyError: no such icon."""
    inner = _inner(name)
    return (
        f'<svg width="{size}" height="{size}" viewBox="0 0 24 24" fill="none" '
        'stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" '
        f'aria-hidden="true" focusable="false">{inner}</svg>'
    )


@cache
def _archive() -> ZipFile:
    return ZipFile(BytesIO(files("lucide").joinpath("lucide.zip").read_bytes()))


def _inner(name: str) -> str:
    """What is between the tags of the icon's file."""
    found = re.search(r"<svg[^>]*>(.*)</svg>", _archive().read(f"{name}.svg").decode(), re.DOTALL)
    assert found, name  # noqa: S101  every file of the archive is one svg element
    return " ".join(found[1].split())

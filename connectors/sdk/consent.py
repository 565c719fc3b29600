"""Connecting by consent: a person agrees in the other system, and it hands us credentials.

Two shapes exist. The browser comes back with a code in the query (OAuth), or the system posts the
keys to an address of ours while the browser comes back empty-handed (WooCommerce). Both name the
``state`` we gave, which is single-use and says whose connection it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConsentAsk:
    """``state``: opaque, unguessable. ``return_to``: where the browser comes back.
    ``callback``: where the system may post keys to. ``product``: the name a person will be shown.
    """

    state: str
    return_to: str
    callback: str
    product: str


@dataclass(frozen=True, slots=True)
class ConsentAnswer:
    """``query``: of the browser's return. ``body``: of the system's post (b"" if it was a return).
    ``return_to``: as it was asked with; OAuth wants it repeated."""

    query: Mapping[str, str]
    body: bytes
    return_to: str

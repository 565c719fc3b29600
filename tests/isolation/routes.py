"""Every route of a partner's host, read from the URL resolver, with its parameters filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ACCOUNT = "account/"
"""Routes of the sign-in package: their parameters are secrets sent by mail to one person."""
PLACE = frozenset({"merchant", "kind"})


@dataclass(frozen=True, slots=True)
class Route:
    """``route``: as written in the URLconf; ``converters``: kind of each parameter by name."""

    name: str
    route: str
    converters: Mapping[str, str]

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(self.converters)

    @property
    def is_account(self) -> bool:
        return self.route.startswith(ACCOUNT)

    @property
    def is_placed(self) -> bool:
        """Whether it lies inside a merchant's environment."""
        return set(self.converters) >= PLACE

    @property
    def names_a_thing(self) -> bool:
        """Whether the path holds an id that exists once in the world."""
        return "uuid" in self.converters.values()

    def path(self, values: Mapping[str, Any]) -> str:
        """The path with the values put in. KeyError for a parameter nobody gave a value."""
        filled = self.route
        for name, converter in self.converters.items():
            written = f"<{converter}:{name}>" if converter != "str" else f"<{name}>"
            if written not in filled:
                written = f"<str:{name}>"
            filled = filled.replace(written, str(values[name]))
        return f"/{filled}"


def routes(urlconf: str = "hub.config.urls_tenant") -> list[Route]:
    """All of them; a route added tomorrow is walked tomorrow."""
    return list(_walk(get_resolver(urlconf), "", {}))


def _walk(resolver: URLResolver, prefix: str, known: dict[str, str]) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        pattern = entry.pattern
        converters = known | {
            name: type(converter).__name__.removesuffix("Converter").lower()
            for name, converter in getattr(pattern, "converters", {}).items()
        }
        written = prefix + _written(pattern, converters)
        if isinstance(entry, URLResolver):
            yield from _walk(entry, written, converters)
        elif isinstance(entry, URLPattern):
            yield Route(str(entry.name), written, converters)


def _written(pattern: Any, converters: dict[str, str]) -> str:
    """The route as text. A regular expression's named groups become text parameters."""
    if isinstance(pattern, RoutePattern):
        return str(pattern)
    text = str(pattern).removeprefix("^").removesuffix("$")
    for name in pattern.regex.groupindex:
        converters[name] = "str"
        start = text.index(f"(?P<{name}>")
        text = text[:start] + f"<{name}>" + text[_end_of_group(text, start) :]
    return text.replace("\\", "")


def _end_of_group(text: str, start: int) -> int:
    depth = 0
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    raise ValueError(f"The group at {start} of {text!r} never ends.")

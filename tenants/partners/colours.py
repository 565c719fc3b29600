"""Brand colours that can be read: contrast measured and corrected.

Rules: WCAG 2.2, relative luminance and contrast ratio (definitions), 4.5:1 for text (1.4.3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_PRIMARY = "#1f4e79"
DEFAULT_ACCENT = "#0b6e4f"
TEXT_CONTRAST = 4.5
LIGHT_SURFACE = "#ffffff"
DARK_SURFACE = "#14171c"
HEX = re.compile(r"#[0-9a-f]{6}")
STEPS = 100


class NotAColour(ValueError):
    """The text isn't a colour we take: write it as # and six hexadecimal digits, say #1f4e79."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """``asked`` as given, ``used`` what we show, and both contrast ratios against the surface."""

    asked: str
    used: str
    asked_contrast: float
    contrast: float

    @property
    def changed(self) -> bool:
        return self.asked != self.used


def parse(colour: str) -> tuple[int, int, int]:
    """(red, green, blue), 0 to 255. Raises NotAColour."""
    text = colour.strip().lower()
    if not HEX.fullmatch(text):
        raise NotAColour(
            f"{colour!r} is not a colour: write # and six hexadecimal digits, such as #1f4e79."
        )
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def luminance(colour: str) -> float:
    """Relative luminance, 0 (black) to 1 (white)."""
    red, green, blue = (_linear(channel / 255) for channel in parse(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def corrected(colour: str, surface: str, needed: float = TEXT_CONTRAST) -> Corrected:
    """The colour nearest to ``colour`` that reaches ``needed`` on ``surface``.

    It is mixed with black on a light surface and with white on a dark one, so its hue stays.
    """
    asked = "#{:02x}{:02x}{:02x}".format(*parse(colour))
    end = "#000000" if luminance(surface) > 0.5 else "#ffffff"
    used = next(
        mixed
        for mixed in (_mix(asked, end, step / STEPS) for step in range(STEPS + 1))
        if contrast(mixed, surface) >= needed
    )
    return Corrected(asked, used, contrast(asked, surface), contrast(used, surface))


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _mix(one: str, other: str, share: float) -> str:
    pairs = zip(parse(one), parse(other), strict=True)
    return "#{:02x}{:02x}{:02x}".format(*(round(a + (b - a) * share) for a, b in pairs))

"""How templates write times, money, states, icons and addresses of the place one is in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django import template
from django.template.context import Context
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from hub.canonical.values import quantum
from hub.portal import words
from hub.portal.icons import draw
from hub.portal.masking import masked
from hub.portal.place import Place
from hub.portal.states import ATTEMPT, CONNECTION, DELIVERY, EFFECT, EVENT, EXCEPTION, RECORD, Shown
from hub.sync.models import Attempt

register = template.Library()

SIGNS = {"EUR": "€", "GBP": "£", "USD": "$", "JPY": "¥", "CHF": "CHF ", "SEK": "SEK "}
SHOWN = {"event": EVENT, "exception": EXCEPTION, "connection": CONNECTION, "record": RECORD,
         "effect": EFFECT}  # fmt: skip
SHORT_NAMES = {"sku", "url", "id", "gtin", "vat", "pos", "erp", "db", "api"}
VERDICTS = {"accept": "New", "same": "Nothing new", "stale": "Older than what is known"}
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@register.simple_tag
def icon(name: str, size: int = 18) -> SafeString:
    """An icon that screen readers skip: the word beside it says the same."""
    return mark_safe(draw(str(name), size))  # noqa: S308  drawn from a name of our own


@register.simple_tag(takes_context=True)
def at(context: Context, name: str, **parts: Any) -> str:
    """Path of a page of the merchant and environment one is in."""
    place: Place = context["place"]
    return place.url(name, **parts)


@register.simple_tag
def state(shown: Shown | None) -> SafeString:
    """A state as shape and word, coloured by its tone."""
    if shown is None:
        return mark_safe("")
    return format_html(
        '<span class="state state-{}">{}<span>{}</span></span>',
        shown.tone, icon(shown.icon, 15), shown.word,
    )  # fmt: skip


@register.filter
def shown(key: str, kind: str) -> Shown | None:
    """How a stored state word of ``kind`` (event, exception, connection, record, effect) looks."""
    return SHOWN[kind].get(str(key))


@register.filter
def number(value: Any) -> str:
    """A count with thousands separators."""
    return number_format(value or 0, use_l10n=True, force_grouping=True)


@register.filter
def compact(value: Any) -> str:
    """A count in at most five characters: ``999``, ``8.5k``, ``120k``, ``1.2M``."""
    count = int(value or 0)
    # From 999,950 on a thousand would be rounded to "1000k".
    for least, size, unit in ((999_950, 1_000_000, "M"), (1_000, 1_000, "k")):
        if count >= least:
            tenths = Decimal((count * 10 + size // 2) // size) / 10
            places = 0 if tenths >= 100 or tenths == int(tenths) else 1
            return f"{number_format(int(tenths) if not places else tenths, places)}{unit}"
    return str(count)


@register.filter
def verdicts(outcome: str) -> str:
    """What became of an event, in words: ``order accept, payment same`` as ``New: order.
    Nothing new: payment.``; any other text as it is."""
    pairs = [part.rpartition(" ") for part in outcome.split(", ")]
    if not all(verdict in VERDICTS and name for name, _, verdict in pairs):
        return outcome
    told = {
        verdict: [words.entity_word(name).lower() for name, _, v in pairs if v == verdict]
        for _, _, verdict in pairs
    }
    return " ".join(f"{VERDICTS[verdict]}: {', '.join(names)}." for verdict, names in told.items())


@register.filter
def money(value: Any) -> str:
    """``{"amount": "12.9", "currency": "EUR"}`` or (Decimal, "EUR") as €12.90."""
    if isinstance(value, Mapping):
        amount, currency = value.get("amount", ""), value.get("currency", "")
    else:
        amount, currency = value
    try:
        exact = Decimal(amount)
    except InvalidOperation:
        return f"{amount} {currency}"
    places = max(-int(quantum(currency).as_tuple().exponent), -int(exact.as_tuple().exponent))
    sign = SIGNS.get(currency, f"{currency} ")
    text = number_format(abs(exact), decimal_pos=places, use_l10n=True, force_grouping=True)
    return f"{'-' if exact < 0 else ''}{sign}{text}"


@register.simple_tag
def moment(value: datetime | None, form: str = "full") -> SafeString:
    """A time in the reader's zone. ``form``: full (day and time), clock and exact (to the
    millisecond, without and with the day), day.

    The machine-readable time and the zone are always with it.
    """
    if value is None:
        return mark_safe('<span class="quiet">never</span>')
    local = timezone.localtime(value)
    forms = {
        "full": f"{local.day} {local:%b %Y, %H:%M}",
        "clock": f"{local:%H:%M:%S}.{local.microsecond // 1000:03}",
        "exact": f"{local.day} {local:%b %Y, %H:%M:%S}.{local.microsecond // 1000:03}",
        "day": f"{local.day} {local:%b %Y}",
    }
    title = f"{local.day} {local:%B %Y, %H:%M:%S} {local:%Z}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', local.isoformat(), title, forms[form]
    )


@register.simple_tag
def ago(value: datetime | None, suffix: str = " ago") -> SafeString:
    """How long ago, in one unit: ``12 s ago``. ``suffix`` may be empty for an age."""
    if value is None:
        return mark_safe('<span class="quiet">never</span>')
    local = timezone.localtime(value)
    text = short(timezone.now() - value)
    title = f"{local.day} {local:%B %Y, %H:%M:%S} {local:%Z}"
    return format_html(
        '<time datetime="{}" title="{}">{}{}</time>', local.isoformat(), title, text, suffix
    )


@register.filter
def short(value: timedelta) -> str:
    """A duration in its largest unit: ``3 min``, ``2 d``."""
    seconds = max(value.total_seconds(), 0)
    for size, unit in UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "0 s"


@register.filter
def exact(value: timedelta | None) -> str:
    """A duration between hops: ``84 ms``, ``1.8 s``, ``3 min``."""
    if value is None:
        return ""
    seconds = max(value.total_seconds(), 0)
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else short(value)


@register.filter
def entity(name: str) -> str:
    """``stock_level`` as ``Stock level``."""
    return words.entity_word(name)


@register.filter
def entities(name: str) -> str:
    """``stock_level`` as ``stock levels``."""
    return words.entity_plural(name)


@register.filter
def cause(code: str) -> str:
    """A code in words: ``sku-missing`` as ``Article unknown``."""
    text = words.CODES.get(code) or spaced(code)
    return text[:1].upper() + text[1:]


@register.filter
def spaced(name: str) -> str:
    """A code as words: ``sku-missing`` as ``SKU missing``."""
    text = str(name).replace("-", " ").replace("_", " ").replace("/", " ")
    return " ".join(word.upper() if word in SHORT_NAMES else word for word in text.split())


@register.simple_tag(takes_context=True)
def owner(context: Context, name: str) -> str:
    """Whose move it is, from the reader's chair."""
    return words.owner_words(name, context["scope"].role)


@register.filter
def layered(value: Any) -> str:
    """A setting that has parts, written out; nothing for a plain one."""
    return json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict | list) else ""


@register.filter
def of(table: Mapping[Any, Any], key: Any) -> Any:
    """``table[key]``, or nothing."""
    return table.get(key, "") if table else ""


@register.inclusion_tag("components/sparkline.html")
def sparkline(
    values: Sequence[int], label: str, width: int = 220, height: int = 44
) -> dict[str, Any]:
    """Bars of a series, oldest first, with the figures in words for those who can't see it."""
    top = max([*values, 1])
    step = width / max(len(values), 1)
    bars = [
        {
            "x": round(place * step + 1, 2),
            "height": round(max(value / top * (height - 4), 1.5 if value else 1), 2),
            "value": value,
        }
        for place, value in enumerate(values)
    ]
    for bar in bars:
        bar["y"] = round(height - bar["height"], 2)
    return {
        "bars": bars, "width": width, "height": height, "bar_width": round(step - 2, 2),
        "label": label, "total": sum(values), "top": max(values, default=0),
    }  # fmt: skip


@register.inclusion_tag("components/outcome.html")
def outcome(done: int, under_way: int, problems: int) -> dict[str, Any]:
    """A bar of three parts: done, under way, needs somebody. A part that isn't empty is seen."""
    total = max(done + under_way + problems, 1)
    shares = [(part, max(part / total * 100, 1.5) if part else 0)
              for part in (done, under_way, problems)]  # fmt: skip
    scale = 100 / max(sum(share for _, share in shares), 1)
    start, parts = 0.0, []
    for (value, share), tone in zip(shares, ("good", "busy", "bad"), strict=True):
        parts.append({"x": round(start, 2), "width": round(share * scale, 2), "tone": tone,
                      "value": value})  # fmt: skip
        start += share * scale
    return {"parts": [part for part in parts if part["value"]], "done": done, "total": total,
            "under_way": under_way, "problems": problems}  # fmt: skip


@register.filter
def delivery_shown(problem: str) -> Shown | None:
    """How a delivery's problem looks."""
    return DELIVERY.get(str(problem))


@register.filter
def record_shown(record: Any) -> list[Shown | None]:
    """How a listed record stands: every problem it has, else whether it is where it must be."""
    if record.problems:
        return [DELIVERY.get(problem) for problem in record.problems]
    if record.state == "live" and record.wanted_somewhere:
        return [RECORD["moving" if record.moving else "settled"]]
    return [RECORD.get(record.state)]


@register.filter
def attempt_shown(attempt: Attempt) -> Shown | None:
    """How an attempt's outcome looks."""
    return ATTEMPT.get(attempt.outcome)


@register.filter
def took(attempt: Attempt) -> timedelta:
    """How long an attempt took."""
    return attempt.ended_at - attempt.started_at


@register.filter
def pretty(value: Any, place: Place) -> str:
    """JSON to read, personal data masked for those who only read."""
    shown_value = value if place.sees_people else masked(value)
    return json.dumps(shown_value, indent=2, ensure_ascii=False, default=str)

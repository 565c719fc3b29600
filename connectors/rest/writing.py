"""Writing one record: where it goes, what is sent, what the answer says became of it."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from typing import Any

import msgspec

from connectors.rest import errors, promises
from connectors.rest.api import Api
from connectors.rest.paths import (
    address,
    at,
    every,
    filled,
    lookup,
    names,
    placed,
    text,
    with_numbers,
)
from connectors.rest.settings import Call, ErrorRow, LookUp, ResourceSpec
from connectors.sdk.errors import (
    ConnectorError,
    DocumentLocked,
    OutcomeUnknown,
    Rejected,
)
from connectors.sdk.http import Response
from connectors.sdk.records import Done, Found, Json, Step, WriteItem

#: The hub keeps no longer id of a step. A promise behind a longer address isn't resumed; our key or
#: our reference proves what became of it.
LONGEST_ID = 200


def write(api: Api, spec: ResourceSpec, item: WriteItem) -> Generator[Step, None, Done]:
    """One call; where the API promises with a 202, the promise is a step."""
    call = _call(spec, item)
    end = time.monotonic() + spec.deadline
    promised = item.steps.get(promises.role(item)) if spec.accepted else None
    if promised:
        told = promises.kept(api, spec, item, promised, end)
        if told is not None and not told.refused:
            return done(spec, item, told.value, {}, told.id)
        # Refused or forgotten there, so it wasn't done: it is sent again, under the same key, or
        # after the hub has looked for our reference.
    answer = api.send(
        call.method, api.url(_address(call.address, item)), headers=_headers(spec, call, item),
        body=_sent(spec, call, item), deadline=spec.deadline,
    )  # fmt: skip
    if spec.accepted is None or answer.status != 202:
        return _judged(api, spec, call, item, answer)
    place = promises.place(api, spec.accepted, answer)
    if len(place) <= LONGEST_ID:
        yield Step(promises.role(item), place)
    told = promises.kept(api, spec, item, place, end)
    if told is None:
        raise promises.forgotten()
    if told.refused:
        raise Rejected(told.refused)
    return done(spec, item, told.value, {}, told.id)


def _call(spec: ResourceSpec, item: WriteItem) -> Call:
    if item.op == "create":
        return spec.create
    if item.op == "delete":
        if spec.delete is None:
            raise Rejected(f"{spec.name} can't be deleted: declare how, or keep it.", code="bug")
        return spec.delete
    if spec.update is not None:
        return spec.update
    if spec.writes == "set":
        return spec.create
    raise DocumentLocked(
        f"{spec.label or spec.name} can't be changed once it is there: change it there by hand, or "
        "declare how the system takes changes."
    )


def _judged(api: Api, spec: ResourceSpec, call: Call, item: WriteItem, answer: Response) -> Done:
    """What the answer says became of it."""
    fixed = not names(call.address)
    exchange = api.exchange(answer, reading=False, sent=item.body, fixed=fixed)
    row = errors.row_for(exchange, api.rows(spec.errors))
    if row is not None and row.means == "done":
        return Done(item.external_id, unchanged=True)
    if row is not None and row.means == "exists":
        return existing(api, spec, item, row, exchange.value)
    if item.op == "delete" and answer.status in (404, 410):
        return Done(item.external_id, unchanged=True)
    if row is not None:
        raise errors.declared(exchange, row)
    if answer.status >= 300:
        raise errors.fault(exchange)
    if item.op == "delete":
        return Done(item.external_id)
    value = api.value(answer, reading=False, empty=True)
    known = item.external_id or _id(spec, item, value, answer.headers)
    if not known and spec.lookup:
        found = _read_back(api, spec, item)
        known = found.external_id if found else ""
    return done(spec, item, value, answer.headers, known)


def _read_back(api: Api, spec: ResourceSpec, item: WriteItem) -> Found | None:
    """The id the answer doesn't name. It was done, so whatever goes wrong here is unknown."""
    try:
        return look_up(api, spec, item)
    except ConnectorError as error:
        raise OutcomeUnknown(
            f"The system took this, and its id could not be read back: {error}", code=error.code
        ) from error


def done(
    spec: ResourceSpec, item: WriteItem, value: Any, headers: Mapping[str, str], known: str = ""
) -> Done:
    """``known``: its id, if it is known already.

    Raises OutcomeUnknown when nothing names what was made.
    """
    known = known or item.external_id or _id(spec, item, value, headers)
    if item.op == "delete":
        return Done(item.external_id)
    if not known:
        raise OutcomeUnknown(
            f"The system took this and named no id (looked for {spec.id!r} in its answer): correct "
            "where the id is in the settings.",
            code="page-anomaly",
        )
    return Done(known, parts=_parts(spec, value), url=_link(spec, known, value))


def existing(api: Api, spec: ResourceSpec, item: WriteItem, row: ErrorRow, value: Any) -> Done:
    """It is there already: by the id in the refusal, else found by our reference.

    Raises Rejected (``duplicate-near``) when it is there and doesn't carry our reference.
    """
    if row.id and text(at(value, row.id)):
        return Done(text(at(value, row.id)), unchanged=True)
    found = look_up(api, spec, item) if spec.lookup else None
    if found is not None:
        return Done(found.external_id, parts=found.parts, unchanged=True)
    raise Rejected(
        row.move or "The system has one like this already, and it isn't ours: compare the two.",
        code=row.code or "duplicate-near",
    )


def _id(spec: ResourceSpec, item: WriteItem, value: Any, headers: Mapping[str, str]) -> str:
    source, _, rest = spec.id.partition(":")
    if source == "header" and rest:
        return headers.get(rest.lower(), "").split("?")[0].rstrip("/").rpartition("/")[2]
    if source == "sent" and rest:
        return text(at(item.body, rest))
    return text(at(value, spec.id))


def _parts(spec: ResourceSpec, value: Any) -> dict[str, str]:
    if not spec.parts:
        return {}
    rows = every(at(value, spec.parts["each"]))
    named = ((text(at(r, spec.parts["key"])), text(at(r, spec.parts["id"]))) for r in rows)
    return {key: id_ for key, id_ in named if key and id_}


def _link(spec: ResourceSpec, known: str, value: Any) -> str:
    """Where a person finds it: an address made here, or one that the answer holds whole."""
    make = address if "://" in spec.link else filled
    try:
        link = make(spec.link, lookup({"id": known, "answer": value}))
    except KeyError:
        return ""
    return link if link.startswith(("https://", "http://")) else ""


# ------------------------------------------------------------------ what is sent


def _address(template: str, item: WriteItem) -> str:
    """Raises Rejected (``missing-required``) when the record lacks what the address needs."""
    values = {"id": item.external_id, "ref": item.ref, "key": item.key, "sent": item.body}
    try:
        return address(template, lookup(values))
    except KeyError as error:
        raise Rejected(
            f"The address {template} needs {error.args[0]}, which this record doesn't have: fill "
            "it at the source, or have the mapping make it.",
            code="missing-required",
        ) from error


def body_of(spec: ResourceSpec, item: WriteItem) -> Any:
    """The record as the API takes it. Raises Rejected (``type-mismatch``)."""
    try:
        body = with_numbers(item.body, spec.numbers)
    except ValueError as error:
        raise Rejected(
            f"{error.args[0]!r} is to be sent as a number and is none: correct the mapping.",
            code="type-mismatch",
        ) from error
    if spec.key is not None and spec.key.path:
        body = merged(body, placed(spec.key.path, item.key))
    return body


def merged(body: Json, more: Json) -> Json:
    """``more`` laid into ``body``, objects within objects."""
    both = dict(body)
    for name, value in more.items():
        old = both.get(name)
        both[name] = (
            merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return both


def _sent(spec: ResourceSpec, call: Call, item: WriteItem) -> bytes | None:
    if call.method in ("GET", "DELETE") and not item.body:
        return None
    body: Any = body_of(spec, item)
    if call.send:
        body = at(body, call.send)
    return msgspec.json.encode(placed(call.wrap, body) if call.wrap else body)


def _headers(spec: ResourceSpec, call: Call, item: WriteItem) -> dict[str, str]:
    headers = dict(call.headers)
    if spec.key is not None and spec.key.header:
        headers[spec.key.header] = item.key
    return headers


# ------------------------------------------------------------------ proof


def look_up(api: Api, spec: ResourceSpec, item: WriteItem) -> Found | None:
    """What carries our reference. Raises Rejected: ``duplicate-exact`` for two of them,
    ``page-anomaly`` when the search answers with others only."""
    if spec.lookup is None:
        raise ConnectorError(f"{spec.name} declares no look-up.")
    how = spec.lookup
    answer = api.get(api.url(_address(how.address, item)), fixed=bool(how.ref), gone=not how.ref)
    if answer is None:
        return None
    value = api.value(answer, reading=True)
    listed = at(value, how.records) if how.records else value
    rows = [row for row in every(listed) if isinstance(row, dict)]
    hits = [row for row in rows if not how.ref or text(at(row, how.ref)) == _value(how, item)]
    ids = list(dict.fromkeys(text(at(row, how.id)) for row in hits))
    if rows and not hits:
        raise Rejected(
            f"The look-up of {spec.name} answers with {len(rows)} records, none of which carries "
            "our reference: the search ignores it, or searches loosely. Correct the look-up in the "
            "settings, then resend.",
            code="page-anomaly",
        )
    if len(ids) > 1:
        raise Rejected(
            f"The system holds {len(ids)} records with our reference ({', '.join(ids[:3])}): "
            "delete or cancel the wrong one there, then resend.",
            code="duplicate-exact",
        )
    if not ids:
        return None
    if not ids[0]:
        raise Rejected(
            f"The look-up of {spec.name} finds a record without an id at {how.id!r}: correct the "
            "look-up in the settings, then resend.",
            code="page-anomaly",
        )
    return Found(ids[0], parts=_parts(spec, hits[0]))


def _value(how: LookUp, item: WriteItem) -> str:
    values = {"id": item.external_id, "ref": item.ref, "key": item.key, "sent": item.body}
    try:
        return filled(how.value, lookup(values))
    except KeyError:
        return ""

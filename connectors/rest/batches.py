"""Many records in one call, each with an outcome of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from connectors.rest import errors, writing
from connectors.rest.api import Api
from connectors.rest.errors import Exchange
from connectors.rest.paths import at, placed, text
from connectors.rest.settings import BatchSpec, ResourceSpec
from connectors.sdk.errors import ConnectorError, OutcomeUnknown
from connectors.sdk.records import Done, WriteItem

Outcome = Done | ConnectorError


def write_batch(api: Api, spec: ResourceSpec, items: Sequence[WriteItem]) -> list[Outcome]:
    """One outcome per item, in order. What the batch can't do (deletions; changes, unless it says
    so) goes by itself. Raises what the whole call came to."""
    assert spec.batch is not None  # noqa: S101 - the manifest gives no other resource a batch
    outcomes: list[Outcome | None] = [None] * len(items)
    together: list[int] = []
    bodies: list[Any] = []
    for index, item in enumerate(items):
        if item.op == "create" or (item.op == "update" and spec.batch.updates):
            try:
                bodies.append(writing.body_of(spec, item))
                together.append(index)
            except ConnectorError as error:
                outcomes[index] = error
    if together:
        found = _send(api, spec, spec.batch, [items[i] for i in together], bodies)
        for index, outcome in zip(together, found, strict=True):
            outcomes[index] = outcome
    for index, item in enumerate(items):
        if outcomes[index] is None:
            outcomes[index] = _alone(api, spec, item)
    return [outcome for outcome in outcomes if outcome is not None]


def _alone(api: Api, spec: ResourceSpec, item: WriteItem) -> Outcome:
    run = writing.write(api, spec, item)
    try:
        while True:
            next(run)
    except StopIteration as stop:
        made: Done = stop.value
        return made
    except ConnectorError as error:
        return error


def _send(
    api: Api, spec: ResourceSpec, batch: BatchSpec, items: Sequence[WriteItem], bodies: list[Any]
) -> list[Outcome]:
    listed = [
        {**body, batch.own_id: item.external_id} if item.external_id and batch.own_id else body
        for item, body in zip(items, bodies, strict=True)
    ]
    body = msgspec.json.encode(placed(batch.items, listed) if batch.items else listed)
    answer = api.send(batch.method, api.url(batch.address), body=body, deadline=spec.deadline)
    exchange = api.exchange(answer, reading=False)
    refused = api.refusal(exchange, spec.errors)
    if refused is not None:
        raise refused
    value = api.value(answer, reading=False)
    rows = at(value, batch.results)
    rows = rows if isinstance(rows, list) else []
    return [
        _outcome(api, spec, batch, item, row)
        for item, row in zip(items, _matched(batch, bodies, rows), strict=True)
    ]


def _matched(batch: BatchSpec, bodies: list[Any], rows: list[Any]) -> list[Any]:
    """The result of each item; None where the answer says nothing about it."""
    if not batch.result_ref:
        # By order, which holds only if there is one for each.
        return list(rows) if len(rows) == len(bodies) else [None] * len(bodies)
    by_ref: dict[str, list[Any]] = {}
    for row in rows:
        by_ref.setdefault(text(at(row, batch.result_ref)), []).append(row)
    refs = [text(at(body, batch.sent_ref)) for body in bodies]
    return [by_ref[r][0] if r and len(by_ref.get(r, ())) == 1 else None for r in refs]


def _outcome(api: Api, spec: ResourceSpec, batch: BatchSpec, item: WriteItem, row: Any) -> Outcome:
    if row is None:
        return OutcomeUnknown(
            "The system answered the batch and said nothing clear about this record: it is looked "
            "for, or sent again where that is harmless."
        )
    said = text(at(row, batch.status)) if batch.status else ""
    status = int(said) if said.isdigit() else 200
    failed = status >= 400 or bool(batch.failed and at(row, batch.failed))
    if not failed:
        return _made(spec, batch, item, row)
    exchange = Exchange(status, row, {}, reading=False, sent=item.body, fixed=False)
    rule = errors.row_for(exchange, api.rows(spec.errors), failed=True)
    try:
        if rule is not None and rule.means == "done":
            return Done(item.external_id, unchanged=True)
        if rule is not None and rule.means == "exists":
            return writing.existing(api, spec, item, rule, row)
    except ConnectorError as error:
        return error
    if rule is not None:
        return errors.declared(exchange, rule)
    if status < 400:
        said = at(row, batch.failed)
        told = said if isinstance(said, dict | list) else {"message": text(said)}
        exchange = Exchange(422, told, {}, reading=False, fixed=False)
    return errors.fault(exchange)


def _made(spec: ResourceSpec, batch: BatchSpec, item: WriteItem, row: Any) -> Outcome:
    known = item.external_id or text(at(row, batch.id))
    if not known:
        try:
            return writing.done(spec, item, row, {})
        except OutcomeUnknown as error:
            return error
    return Done(known)

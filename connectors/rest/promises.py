"""What an API accepted with a 202 and will do later: where to ask, and what became of it."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from connectors.rest import errors
from connectors.rest.api import Api
from connectors.rest.paths import address, at, lookup, text
from connectors.rest.settings import Accepted, ResourceSpec
from connectors.sdk.errors import ConnectorError, OutcomeUnknown
from connectors.sdk.http import Response
from connectors.sdk.records import WriteItem


@dataclass(frozen=True, slots=True)
class Word:
    """What became of it: ``refused`` says why not, else it is done. ``id``: of the record."""

    value: Any
    id: str = ""
    refused: str = ""


def role(item: WriteItem) -> str:
    """Name of the step of these very bytes: an older promise says nothing about newer ones."""
    said = item.key.encode() + b"\n" + msgspec.json.encode(item.body, order="deterministic")
    return "accepted-" + hashlib.sha256(said).hexdigest()[:12]


def place(api: Api, promise: Accepted, answer: Response) -> str:
    """Path and query of where it is told what became of it.

    Raises OutcomeUnknown when the answer doesn't say.
    """
    value = api.exchange(answer, reading=False).value
    try:
        if promise.address:
            url = api.url(address(promise.address, lookup({"answer": value})))
        else:
            url = api.joined(api.base + "/", answer.headers["location"])
    except (KeyError, ConnectorError) as error:
        raise OutcomeUnknown(
            "The system accepted this and didn't say where to ask what became of it: correct the "
            "status address in the settings.",
            code="page-anomaly",
        ) from error
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def kept(api: Api, spec: ResourceSpec, item: WriteItem, place: str, end: float) -> Word | None:
    """Ask until it is done or refused, or the monotonic clock says ``end``. None: forgotten there.

    Raises OutcomeUnknown, whatever goes wrong: it was accepted.
    """
    promise = spec.accepted
    assert promise is not None  # noqa: S101 - only such resources get here
    while True:
        try:
            answer = api.get(api.joined(api.base + "/", place), fixed=False, gone=True)
            value = None if answer is None else api.value(answer, reading=True)
        except ConnectorError as error:
            raise OutcomeUnknown(
                f"The system accepted this and can't be asked now what became of it: {error}",
                code=error.code,
            ) from error
        if answer is None:
            return None
        state = text(at(value, promise.state))
        if state in promise.done:
            return Word(value, item.external_id or text(at(value, promise.id)))
        if state in promise.failed:
            said = text(at(value, promise.problem)) if promise.problem else errors.words(value)
            why = f"The system accepted this and then refused it: {said or state}."
            return Word(
                value, refused=f"{why} Correct the record or the mapping and send it again."
            )
        if time.monotonic() + promise.every >= end:
            raise OutcomeUnknown(
                f"The system accepted this and is still at it ({state!r}); it is asked again.",
                detail=place,
            )
        # The API said that it needs time: asking again at once would be refused or rude.
        time.sleep(promise.every)


def forgotten() -> OutcomeUnknown:
    return OutcomeUnknown(
        "The system accepted this and knows nothing of it a moment later: correct the status "
        "address in the settings.",
        code="page-anomaly",
    )

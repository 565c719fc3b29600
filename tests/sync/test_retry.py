"""The one place of the retry decision, as a table of cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.sdk.errors import (
    AccessRefused,
    ConnectorError,
    DocumentLocked,
    MissingReference,
    NotYet,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.sdk.manifest import Resource
from hub.sync import retry

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BY_KEY = Resource("pos_sale", "sale", writes="create", proof="key")
BY_LOOKUP = Resource("order", "order", writes="create", proof="lookup", lookup_settles_after=3)
BY_NOTHING = Resource("payment", "payment", writes="append", proof="none")
A_LEVEL = Resource("price", "price", writes="set", proof="lookup", lookup_settles_after=3)


@pytest.mark.parametrize(
    ("error", "resource", "repeatable", "act", "counts", "trips"),
    [
        pytest.param(Unavailable(), BY_KEY, False, "retry", False, True, id="away"),
        pytest.param(RateLimited(retry_after=7), BY_KEY, False, "retry", False, True, id="slower"),
        pytest.param(OutcomeUnknown(), BY_KEY, False, "retry", False, True, id="unknown, has key"),
        pytest.param(OutcomeUnknown(), BY_LOOKUP, False, "look_up", False, False, id="look first"),
        pytest.param(OutcomeUnknown(), BY_NOTHING, False, "ask", True, False, id="ask a person"),
        pytest.param(OutcomeUnknown(), A_LEVEL, True, "retry", False, True, id="sets a value"),
        pytest.param(OutcomeUnknown(), A_LEVEL, False, "look_up", False, False, id="may have made"),
        pytest.param(Rejected(), BY_KEY, False, "dead", True, False, id="refused"),
        pytest.param(DocumentLocked(), BY_LOOKUP, False, "dead", True, False, id="posted"),
        pytest.param(NotYet(), BY_LOOKUP, False, "retry", False, False, id="not shipped yet"),
        pytest.param(AccessRefused(), BY_KEY, False, "pause", False, False, id="revoked"),
        pytest.param(
            MissingReference("x", entity="product", key={"sku": "A"}), BY_KEY, False, "block",
            False, False, id="lacks a product",
        ),
    ],
)  # fmt: skip
def test_what_follows_from_an_error(
    error: ConnectorError, resource: Resource, repeatable: bool, act: str, counts: bool, trips: bool
) -> None:
    decision = retry.decide(
        error, attempts=1, resource=resource, repeatable=repeatable, now=NOW, jitter=1.0
    )
    assert (decision.act, decision.counts, decision.trips) == (act, counts, trips)


def test_a_target_that_says_how_long_is_obeyed() -> None:
    decision = retry.decide(
        RateLimited(retry_after=7), attempts=3, resource=BY_KEY, repeatable=False, now=NOW, jitter=0
    )
    assert decision.at == NOW + timedelta(seconds=7)
    assert retry.breaker_wait(1, RateLimited(retry_after=7)) == timedelta(seconds=7)


def test_absence_counts_only_after_the_settling_time_of_the_manifest() -> None:
    decision = retry.decide(
        OutcomeUnknown(), attempts=1, resource=BY_LOOKUP, repeatable=False, now=NOW, jitter=0
    )
    assert decision.at == NOW + timedelta(seconds=3)


def test_our_own_defect_gets_a_few_tries_further_and_further_apart_and_then_a_person() -> None:
    waits = [
        (retry.decide_bug(attempts=n, now=NOW, jitter=1.0).at - NOW).total_seconds()
        for n in range(1, retry.MAX_ATTEMPTS)
    ]
    assert waits == sorted(waits) and waits[0] < waits[-1]
    assert retry.decide_bug(attempts=retry.MAX_ATTEMPTS, now=NOW, jitter=1.0).act == "dead"


def test_the_breaker_stays_open_longer_each_time_but_never_for_long() -> None:
    waits = [retry.breaker_wait(n).total_seconds() for n in range(1, 12)]
    assert waits == sorted(waits) and waits[0] == 1 and max(waits) <= 30

"""Many in one call: each has an outcome of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.rest.tests.conftest import DOCUMENT, Connect, document
from connectors.sdk.errors import OutcomeUnknown, Rejected
from connectors.sdk.records import Done
from connectors.sdk.testing.simulators import Running

BY_ORDER = {"address": "/documents/batch", "size": 50, "items": "documents", "results": "results",
            "status": "status"}  # fmt: skip
BY_REF = {**BY_ORDER, "sent_ref": "reference", "result_ref": "reference"}


def resource(batch: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**DOCUMENT, "batch": batch, **more}


@pytest.mark.parametrize("batch", [BY_ORDER, BY_REF])
def test_the_bad_one_is_refused_and_the_others_are_done(
    connect: Connect, batch: dict[str, Any]
) -> None:
    rest = connect(resources=[resource(batch)])
    items = [document("xd-1"), document("xd-2", number=""), document("xd-3")]
    one, two, three = rest.write_batch("document", items)
    assert (one, three) == (Done("1"), Done("2"))
    assert isinstance(two, Rejected) and "needs a number" in str(two)


def test_results_in_another_order_are_told_apart_by_our_reference(
    connect: Connect, house: Running
) -> None:
    house.control("quirks", {"shuffles": True})
    rest = connect(resources=[resource(BY_REF)])
    outcomes = rest.write_batch("document", [document("xd-1"), document("xd-2")])
    assert outcomes == [Done("1"), Done("2")]


@pytest.mark.parametrize(("batch", "known"), [(BY_ORDER, 0), (BY_REF, 2)])
def test_what_the_answer_leaves_out_is_unknown_and_not_done(
    connect: Connect, house: Running, batch: dict[str, Any], known: int
) -> None:
    house.control("quirks", {"forgets": 1})
    rest = connect(resources=[resource(batch)])
    outcomes = rest.write_batch("document", [document(f"xd-{n}") for n in range(3)])
    assert sum(isinstance(o, Done) for o in outcomes) == known
    assert isinstance(outcomes[2], OutcomeUnknown)


def test_a_batch_without_an_answer_is_unknown_as_a_whole(connect: Connect, house: Running) -> None:
    house.control("faults", {"kind": "drop_after_effect", "count": 1})
    rest = connect(resources=[resource(BY_REF)])
    with pytest.raises(OutcomeUnknown):
        rest.write_batch("document", [document("xd-1"), document("xd-2")])
    assert rest.look_up("document", document("xd-2")) is not None


def test_what_a_batch_does_not_take_goes_by_itself(connect: Connect, house: Running) -> None:
    rest = connect(resources=[resource(BY_REF)])
    first = rest.write_batch("document", [document("xd-1")])[0]
    assert isinstance(first, Done)
    change = replace(document("xd-1", number="N9"), op="update", external_id=first.external_id)
    outcomes = rest.write_batch("document", [change, document("xd-2")])
    assert outcomes == [Done("1", parts={}), Done("2")]
    assert {d["number"] for d in house.control("documents", method="GET")} == {"N9", "N1"}


def test_the_key_travels_in_each_record(connect: Connect, house: Running) -> None:
    keyed = resource(BY_REF, proof="key", key={"path": "idempotency_key"})
    rest = connect(resources=[keyed])
    for _ in range(2):
        assert rest.write_batch("document", [document()]) == [Done("1")]
    assert len(house.control("documents", method="GET")) == 1

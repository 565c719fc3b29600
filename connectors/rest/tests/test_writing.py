"""Writing: one effect, whatever happens to the answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.rest.tests.conftest import DOCUMENT, Connect, document, written
from connectors.sdk.errors import (
    AccessRefused,
    ConnectorError,
    DocumentLocked,
    MissingReference,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.sdk.records import Done, Step
from connectors.sdk.testing.simulators import Running


def documents(house: Running) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.control("documents", method="GET")
    return found


def resource(**more: Any) -> dict[str, Any]:
    return {**DOCUMENT, **more}


def test_created_changed_and_deleted(connect: Connect, house: Running) -> None:
    parts = {"each": "document.lines", "key": "sku", "id": "line_id"}
    link = "https://office.example/{id}"
    rest = connect(resources=[resource(parts=parts, link=link)])
    done = written(rest, document())
    assert done == Done("1", parts={"MUG": "1-1"}, url="https://office.example/1")
    item = replace(document(number="N2"), op="update", external_id=done.external_id)
    assert written(rest, item).external_id == "1"
    assert [d["number"] for d in documents(house)] == ["N2"]
    gone = replace(item, op="delete", body={})
    assert written(rest, gone).external_id == "1"
    assert documents(house) == []
    assert written(rest, gone).unchanged, "gone already is gone"


@pytest.mark.parametrize("fault", ["drop_after_effect", "error_after_effect"])
def test_an_answer_that_is_lost_is_found_by_our_reference(
    connect: Connect, house: Running, fault: str
) -> None:
    rest = connect(resources=[resource()])
    house.control("faults", {"kind": fault, "count": 1, "method": "POST"})
    with pytest.raises(OutcomeUnknown):
        written(rest, document())
    found = rest.look_up("document", document())
    assert found is not None and found.external_id == "1"
    assert rest.look_up("document", document("xd-other")) is None


def test_or_it_is_sent_again_under_the_same_key(connect: Connect, house: Running) -> None:
    keyed = resource(proof="key", key={"header": "Idempotency-Key"})
    rest = connect(resources=[keyed])
    house.control("faults", {"kind": "drop_after_effect", "count": 1, "method": "POST"})
    with pytest.raises(OutcomeUnknown):
        written(rest, document())
    assert written(rest, document()).external_id == "1"
    assert len(documents(house)) == 1


def test_a_reference_may_be_part_of_an_address(connect: Connect) -> None:
    lookup = {"address": "/documents/by-reference/{ref}", "records": "document"}
    rest = connect(resources=[resource(lookup=lookup)])
    assert rest.look_up("document", document("xd-a/b")) is None
    done = written(rest, document("xd-a/b"))
    found = rest.look_up("document", document("xd-a/b"))
    assert found is not None and found.external_id == done.external_id


def test_two_with_our_reference_are_never_chosen_between(connect: Connect, house: Running) -> None:
    rest = connect(resources=[resource()])
    written(rest, document())
    written(rest, document())
    with pytest.raises(Rejected) as refused:
        rest.look_up("document", document())
    assert refused.value.code == "duplicate-exact" and "(1, 2)" in str(refused.value)


def test_a_search_that_ignores_what_it_was_asked_is_told_and_nothing_adopted(
    connect: Connect, house: Running
) -> None:
    rest = connect(resources=[resource()])
    written(rest, document("xd-stranger"))
    house.control("quirks", {"ignores_search": True})
    with pytest.raises(Rejected) as refused:
        rest.look_up("document", document())
    assert refused.value.code == "page-anomaly" and "look-up" in str(refused.value)
    assert rest.look_up("document", document("xd-stranger")) is not None


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("down", Unavailable), ("rate_limit", RateLimited), ("unauthorised", AccessRefused),
     ("html", OutcomeUnknown), ("error", OutcomeUnknown), ("unplugged", OutcomeUnknown)],
)  # fmt: skip
def test_what_a_failure_says_about_the_effect(
    connect: Connect, house: Running, fault: str, kind: type[ConnectorError]
) -> None:
    house.control("faults", {"kind": fault, "count": 1})
    with pytest.raises(kind) as refused:
        written(connect(resources=[resource()]), document())
    assert type(refused.value) is kind


TABLE = [
    {"status": [422], "path": "error.code", "values": ["unknown_sku"], "means": "missing",
     "entity": "product", "key": {"sku": "lines[0].sku"}, "code": "sku-missing"},
    {"status": [409], "path": "error.code", "values": ["posted"], "means": "locked"},
    {"status": [409], "path": "error.code", "values": ["number_taken"], "means": "exists",
     "id": "error.id"},
]  # fmt: skip


def test_the_partners_table_says_what_a_refusal_means(connect: Connect, house: Running) -> None:
    rest = connect(resources=[resource(errors=TABLE)])
    house.control("quirks", {"unknown_skus": ["MUG"]})
    with pytest.raises(MissingReference) as missing:
        written(rest, document())
    assert (missing.value.entity, missing.value.key) == ("product", {"sku": "MUG"})
    house.control("quirks", {"unique_numbers": True})
    first = written(rest, document())
    assert written(rest, document("xd-2")) == Done(first.external_id, unchanged=True)
    house.control("post/1")
    with pytest.raises(DocumentLocked):
        written(rest, replace(document(), op="update", external_id="1"))


def test_there_already_without_an_id_is_looked_up_and_a_strangers_is_not_taken(
    connect: Connect, house: Running
) -> None:
    row = {"status": [409], "means": "exists"}
    rest = connect(resources=[resource(errors=[row])])
    house.control("quirks", {"unique_numbers": True})
    written(rest, document())
    assert written(rest, document()).external_id == "1"
    with pytest.raises(Rejected) as refused:
        written(rest, document("xd-2"))
    assert refused.value.code == "duplicate-near"


def test_a_refusal_nobody_declared_is_told_in_the_systems_own_words(connect: Connect) -> None:
    with pytest.raises(Rejected, match="A document needs a number"):
        written(connect(resources=[resource()]), document(number=""))


def test_an_id_the_answer_does_not_name_is_read_back(connect: Connect) -> None:
    assert written(connect(resources=[resource(id="nowhere")]), document()) == Done("1")
    blind = resource(id="nowhere", lookup=None, proof="key", key={"header": "Idempotency-Key"})
    with pytest.raises(OutcomeUnknown, match="'nowhere'"):
        written(connect(resources=[blind]), document())


def test_an_api_that_says_no_with_a_200_is_understood(connect: Connect, house: Running) -> None:
    """Seen from the table: a row may name a status that otherwise means success."""
    row = {"status": [201], "path": "document.state", "values": ["open"], "means": "rejected",
           "move": "The office keeps it open."}  # fmt: skip
    with pytest.raises(Rejected, match="keeps it open"):
        written(connect(resources=[resource(errors=[row])]), document())


def test_a_value_is_set_under_a_name_of_ours(connect: Connect, house: Running) -> None:
    stock = {"name": "stock", "entity": "stock_level", "writes": "set", "proof": "key",
             "create": {"address": "/stock/{sent.sku}", "method": "PUT"}, "id": "sent:sku",
             "numbers": ["qty"]}  # fmt: skip
    rest = connect(resources=[stock])
    item = replace(document(), body={"sku": "A B/C", "qty": "12.50"})
    assert written(rest, item, "stock").external_id == "A B/C"
    again = replace(item, op="update", external_id="A B/C")
    assert written(rest, again, "stock").external_id == "A B/C"
    assert house.control("stock", method="GET") == [{"sku": "A B/C", "qty": 12.5}]
    with pytest.raises(Rejected, match=r"sent\.sku") as refused:
        written(rest, replace(item, body={"qty": "1"}), "stock")
    assert refused.value.code == "missing-required"
    with pytest.raises(Rejected) as refused:
        written(rest, replace(item, body={"sku": "A", "qty": "many"}), "stock")
    assert refused.value.code == "type-mismatch"


def test_a_document_that_takes_no_changes_says_so(connect: Connect) -> None:
    fixed = {k: v for k, v in DOCUMENT.items() if k != "update"}
    with pytest.raises(DocumentLocked):
        written(connect(resources=[fixed]), replace(document(), op="update", external_id="1"))


# ------------------------------------------------------------------ promises

LATER = {"state": "state", "done": ["done"], "failed": ["failed"], "id": "document",
         "problem": "reason", "every": 0.01}  # fmt: skip


def later(**more: Any) -> dict[str, Any]:
    return resource(create={"address": "/later/documents"}, accepted={**LATER, **more})


def test_what_is_only_accepted_is_asked_after_until_it_is_done(
    connect: Connect, house: Running
) -> None:
    house.control("quirks", {"job_asks": 3})
    assert written(connect(resources=[later()]), document()) == Done("1")


def test_a_promise_that_is_not_kept_in_time_is_asked_after_again_and_not_sent_again(
    connect: Connect, house: Running
) -> None:
    house.control("quirks", {"job_asks": 3})
    slow = {**later(every=20.0), "deadline": 1.0}
    rest = connect(resources=[slow])
    run = rest.write("document", document())
    step = next(run)
    assert isinstance(step, Step)
    with pytest.raises(OutcomeUnknown, match="still at it"):
        next(run)
    patient = connect(resources=[later()])
    resumed = replace(document(), steps={step.role: step.external_id}, uncertain=True)
    assert written(patient, resumed) == Done("1")
    assert len(documents(house)) == 1


def test_a_promise_that_is_broken_says_why(connect: Connect) -> None:
    with pytest.raises(Rejected, match="needs a number"):
        written(connect(resources=[later()]), document(number=""))


def test_an_older_promise_says_nothing_about_newer_bytes(connect: Connect, house: Running) -> None:
    rest = connect(resources=[later()])
    run = rest.write("document", document())
    step = next(run)
    newer = replace(document(number="N2"), steps={step.role: step.external_id})
    written(rest, newer)
    assert "N2" in [d["number"] for d in documents(house)]


def test_a_promise_that_was_forgotten_is_made_again_under_the_same_key(
    connect: Connect, house: Running
) -> None:
    rest = connect(resources=[{**later(), "proof": "key", "key": {"header": "Idempotency-Key"}}])
    role = next(rest.write("document", document())).role
    resumed = replace(document(), steps={role: "/open/jobs/99"}, uncertain=True)
    assert written(rest, resumed).external_id == "1"
    house.control("faults", {"kind": "unauthorised", "count": 1, "match": "/jobs"})
    with pytest.raises(OutcomeUnknown, match="can't be asked now"):
        written(rest, replace(resumed, steps={role: "/open/jobs/2"}))
    assert len(documents(house)) == 1


def test_a_status_address_may_be_made_from_the_answer(connect: Connect) -> None:
    rest = connect(resources=[later(address="/jobs/{answer.job}")])
    assert written(rest, document()) == Done("1")


@pytest.mark.parametrize("fault", ["down", "unauthorised", "html"])
def test_what_was_done_and_cannot_be_read_back_now_is_unknown(
    connect: Connect, house: Running, fault: str
) -> None:
    """Anything else would say that nothing was done, and it would be done twice."""
    house.control("faults", {"kind": fault, "count": 1, "match": "reference="})
    with pytest.raises(OutcomeUnknown, match="read back"):
        written(connect(resources=[resource(id="nowhere")]), document())
    assert len(documents(house)) == 1

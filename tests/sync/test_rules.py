"""The engine's pure decisions as tables."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sdk.manifest import Resource
from connectors.sdk.records import SourceRecord
from hub.mappings.to_canonical import Canonical
from hub.sync import deliver, milestones
from hub.sync.claim import Task
from hub.sync.freeze import key_of
from hub.sync.matching import Change
from hub.sync.merge import Known, View, judge, merged_content
from hub.sync.plan import Plan

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SOONER, LATER = NOW - timedelta(seconds=5), NOW + timedelta(seconds=5)
ERP, SHOP, TILLS = (uuid.UUID(int=n) for n in (1, 2, 3))


def view(version: str = "5", told: str = "A", read_at: datetime | None = None) -> View:
    return View(SHOP, "order", "7", version=version, read_at=read_at, hash=told.encode())


def pushed(version: str, told: str, heard_at: datetime) -> View:
    return View(SHOP, "order", "7", version=version, hash=told.encode(), heard_at=heard_at)


def change(version: str = "5", read_at: datetime | None = None) -> Change:
    source = SourceRecord("orders", "7", {}, version, read_started_at=read_at)
    told = Canonical("order", "order", "7", version, False, {}, None, {})
    return Change(1, source, told, anchor=True)


@pytest.mark.parametrize(
    ("seen", "told", "content", "judgement"),
    [
        pytest.param(None, change(), "A", "accept", id="never heard of it"),
        pytest.param(View(SHOP, "order", "7"), change(), "A", "accept", id="bound, never told"),
        pytest.param(view("5", "A"), change("6"), "B", "accept", id="a push with a newer version"),
        pytest.param(view("5", "A"), change("5"), "A", "same", id="a copy"),
        pytest.param(view("5", "A"), change("5"), "B", "reread", id="two in one second"),
        pytest.param(view("5", "A"), change("4"), "B", "reread", id="the clock went back"),
        pytest.param(view("5", "A"), change(""), "B", "reread", id="a push without a version"),
        pytest.param(view("5", "A", NOW), change("4", LATER), "B", "accept",
                     id="our later reading beats any version"),
        pytest.param(view("5", "A", NOW), change("9", SOONER), "B", "stale",
                     id="our earlier reading loses, whatever its version"),
        pytest.param(view("5", "A", NOW), change("5", LATER), "A", "same",
                     id="read again, nothing new"),
        pytest.param(view("5", "A"), change("1", NOW), "B", "accept", id="a reading after a push"),
        pytest.param(pushed("5", "A", SOONER), change("1", NOW), "B", "accept",
                     id="a reading that began after a push, and the source's clock went back"),
        pytest.param(pushed("5", "A", NOW), change("4", SOONER), "B", "stale",
                     id="a reading that began before the push it is older than"),
        pytest.param(pushed("5", "A", NOW), change("6", SOONER), "B", "reread",
                     id="a reading that began before the push, and says to be newer"),
        pytest.param(pushed("5", "A", NOW), change("5", SOONER), "B", "reread",
                     id="a reading that began before the push, and says to be as new"),
    ],
)  # fmt: skip
def test_may_what_was_told_replace_what_we_hold(
    seen: View | None, told: Change, content: str, judgement: str
) -> None:
    assert judge(seen, told, content.encode()) == judgement


def product(views: list[View], origin: uuid.UUID | None) -> Known:
    return Known(uuid.UUID(int=9), "product", "live", 1, None, None, origin, views)


def says(connection: uuid.UUID, **content: Any) -> View:
    return View(connection, "product", str(connection.int), facet=msgspec.json.encode(content))


def plan(**owners: uuid.UUID) -> Plan:
    rules = {("product", group): frozenset({owner}) for group, owner in owners.items()}
    return Plan(uuid.UUID(int=8), "hartley", 1, False, owners=rules)


VIEWS = [
    says(ERP, title="Heart", kind="goods"),
    says(SHOP, title="Bargain!", media=[{"url": "x"}]),
    says(TILLS, title="HRT"),
]


def test_a_group_is_its_owners_word_and_an_unowned_one_its_origins() -> None:
    content = merged_content(product(VIEWS, ERP), plan(core=ERP))
    assert content == {"title": "Heart", "kind": "goods", "media": [{"url": "x"}]}
    assert merged_content(product(VIEWS, SHOP), plan())["title"] == "Bargain!"
    assert "title" not in merged_content(product(VIEWS[1:], SHOP), plan(core=ERP))


def test_it_is_the_same_whatever_came_first() -> None:
    results = [
        merged_content(product(list(order), ERP), plan(core=ERP)) for order in permutations(VIEWS)
    ]
    assert all(result == results[0] for result in results)


@given(
    words=st.dictionaries(
        st.sampled_from([ERP, SHOP, TILLS]),
        st.fixed_dictionaries({}, optional={name: st.sampled_from(["", "a", "b"])
                                            for name in ("title", "kind", "media", "brand")}),
    ),
    origin=st.sampled_from([ERP, SHOP, TILLS, None]),
    owner=st.sampled_from([ERP, SHOP, None]),
    order=st.randoms(use_true_random=False),
)  # fmt: skip
def test_any_words_in_any_order_merge_alike(
    words: dict[uuid.UUID, dict[str, Any]], origin: uuid.UUID | None, owner: uuid.UUID | None,
    order: Any,
) -> None:  # fmt: skip
    views = [says(connection, **content) for connection, content in words.items()]
    shuffled = list(views)
    order.shuffle(shuffled)
    rules = plan(core=owner) if owner else plan()
    assert merged_content(product(views, origin), rules) == merged_content(
        product(shuffled, origin), rules
    )


@pytest.mark.parametrize(
    ("content", "reached"),
    [
        ({}, []),
        ({"order_state": "pending", "payment_state": "unpaid"}, []),
        ({"order_state": "confirmed"}, ["confirmed"]),
        ({"order_state": "on_hold", "payment_state": "paid"}, ["confirmed", "paid"]),
        ({"order_state": "completed", "payment_state": "refunded",
          "fulfilment_state": "returned"}, ["confirmed", "paid", "fulfilled"]),
        ({"order_state": "on_hold", "fulfilment_state": "delivered"}, ["confirmed", "fulfilled"]),
        ({"order_state": "cancelled"}, ["cancelled"]),
        ({"order_state": "cancelled", "payment_state": "partially_refunded"},
         ["confirmed", "paid", "cancelled"]),
    ],
)  # fmt: skip
def test_what_a_newest_state_implies_was_reached(
    content: dict[str, str], reached: list[str]
) -> None:
    assert milestones.reached(content) == reached


def task(writes: str = "create", generation: int = 0, version: int = 1, resend: int = 0) -> Task:
    resource = Resource("order", "order", writes=writes)  # type: ignore[arg-type]
    record = uuid.UUID(int=5)
    return Task(
        delivery=record, record=record, wanted=1, delivered=0, delivered_hash=None, billed=0,
        sending_version=None, sending_key=None, sending_hash=None, sending_op=None,
        sending_body=None, uncertain=False, verify=False, resend=resend, entity="order",
        state="live", version=version, billable=1, raw=None, merged_into=None, resource=resource,
        since=NOW, attempts=1, alone=False, lost=False, priority=3, seq=1, fence=uuid.uuid4(),
        generation=generation,
    )  # fmt: skip


def key(op: str, **about: Any) -> str:
    return key_of(uuid.UUID(int=8), task(**about), op)


def test_a_creates_key_bears_no_version_and_a_changes_key_does() -> None:
    assert key("create", version=1) == key("create", version=5)
    assert key("create", resend=0) == key("create", resend=1)
    assert key("create", generation=0) != key("create", generation=1), "re-created: asked anew"
    assert key("update", version=1) != key("update", version=2)
    assert key("update", resend=0) != key("update", resend=1), "or it would answer from memory"
    assert key("create", writes="append", version=1) == key("create", writes="append", version=2)
    assert key("create", writes="set", version=1) != key("create", writes="set", version=2)
    assert Decimal(len(key("update"))) < 120, "the column's width"


def test_where_nothing_can_be_proved_no_more_is_frozen_than_is_called_at_once() -> None:
    """A worker that dies with a hundred frozen payments would leave a hundred to a person."""
    blind = [dataclasses.replace(task("append"), delivery=uuid.UUID(int=n)) for n in range(5)]
    for one in blind:
        one.resource = Resource("payment", "payment", writes="append", proof="none")
    proved = [dataclasses.replace(task(), delivery=uuid.UUID(int=100 + n)) for n in range(5)]
    now, later = deliver.at_once([*blind, *proved], room=2)
    assert now == [*blind[:2], *proved]
    assert later == blind[2:]

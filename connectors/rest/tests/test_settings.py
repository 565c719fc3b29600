"""A mistake in the settings is told with its place and its mend, before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.rest.connector import Rest
from connectors.rest.tests.conftest import DOCUMENT, orders

HOOK = {"style": "hmac", "header": "X-Signature"}


def problems(**config: Any) -> dict[str, str]:
    said = {"url": "https://x.example", "streams": [orders()], **config}
    return dict(Rest.config_problems(said))


def test_nothing_is_wrong_with_what_is_right() -> None:
    assert problems(resources=[DOCUMENT], webhook=HOOK) == {}


@pytest.mark.parametrize(
    ("config", "place", "words"),
    [
        ({"auth": {"style": "oauth"}}, "auth.style", "oauth2"),
        ({"auth": {"style": "key"}}, "auth", "header or the query"),
        ({"auth": {"style": "basic"}}, "auth", "'username' is missing"),
        ({"webhook": {"style": "md5"}}, "webhook.style", "standard"),
        ({"webhook": {**HOOK, "sign": "{timestamp}.{body}"}}, "webhook.timestamp_header", "header"),
        ({"webhook": {**HOOK, "sign": "{boby}"}}, "webhook.sign", "{body}"),
        ({"webhook": {**HOOK, "algorithm": "md5"}}, "webhook.algorithm", "none of the words"),
        ({"headers": {"Authorization": "Bearer x"}}, "headers.Authorization", "secret"),
        ({"streams": [], "resources": []}, "streams", "at least one"),
        ({"streams": [orders(), orders()]}, "streams[0].name", "twice"),
        ({"streams": [orders(naem="x")]}, "streams[0]", "no setting 'naem'"),
        ({"streams": [{"name": "a", "produces": "order", "address": "/a"}]},
         "streams[0].produces", "a list here, not text"),
        ({"streams": [orders(id="a..b")]}, "streams[0].id", "no path"),
        ({"streams": [orders(address="orders")]}, "streams[0].address", "/ on"),
        ({"streams": [orders(address="", paging={})]}, "streams[0]", "pushed"),
        ({"streams": [orders("pages")]}, "streams[0].paging.style", "keyset"),
        ({"streams": [orders(whole=True)]}, "streams[0].whole", "'one'"),
        ({"streams": [orders(one={"address": "/x"})]}, "streams[0].one.address", "{id}"),
        ({"streams": [orders(push={})]}, "streams[0].push", "'webhook'"),
        ({"webhook": HOOK, "streams": [orders(push={"thin": True})]},
         "streams[0].push.thin", "'one'"),
        ({"resources": [{**DOCUMENT, "lookup": None}]}, "resources[0].lookup", "needs 'lookup'"),
        ({"resources": [{**DOCUMENT, "proof": "key"}]}, "resources[0].key", "our key"),
        ({"resources": [{**DOCUMENT, "lookup": {"address": "/d?q={ref}"}}]},
         "resources[0].lookup.ref", "somebody else's"),
        ({"resources": [{**DOCUMENT, "create": {"address": "/d/{id}"}}]},
         "resources[0].create.address", "no {id}"),
        ({"resources": [{**DOCUMENT, "create": {"address": "/d/{sku}"}}]},
         "resources[0].create.address", "{sent}"),
        ({"resources": [{**DOCUMENT, "deadline": 60}]}, "resources[0].deadline", "at most 25"),
        ({"resources": [{**DOCUMENT, "errors": [{"means": "locked"}]}]},
         "resources[0].errors[0]", "every refusal"),
        ({"resources": [{**DOCUMENT, "writes": "delta"}]}, "resources[0].writes", "none of"),
        ({"resources": [{**DOCUMENT, "entity": "orders"}]}, "resources[0].entity", "none of"),
        ({"streams": [orders(produces=["orders"])]}, "streams[0].produces[0]", "'orders' is none"),
        ({"concurrency": 0}, "concurrency", "1 to 32"),
    ],
)  # fmt: skip
def test_each_mistake_has_its_place(config: dict[str, Any], place: str, words: str) -> None:
    found = problems(**config)
    assert place in found, found
    assert words in found[place]


def test_every_mistake_is_told_at_once() -> None:
    found = problems(auth={"style": "x"}, streams=[orders(id="a..b"), orders("pages")])
    assert set(found) == {"auth.style", "streams[0].id", "streams[1].paging.style"}


def test_what_is_declared_is_what_is_offered() -> None:
    stream = orders(push={"record": "data"}, poll_every=5)
    config = {"url": "https://x.example", "webhook": HOOK, "concurrency": 2,
              "streams": [stream, {**orders(), "name": "slow"}],
              "resources": [{**DOCUMENT, "settles": 9.0}]}  # fmt: skip
    offer = Rest.manifest_for(config)
    assert offer.limits.concurrency == 2
    assert [(s.name, s.poll_every, s.push) for s in offer.streams] == [
        ("orders", 5, True), ("slow", 60, False),
    ]  # fmt: skip
    (taken,) = offer.resources
    assert (taken.deletes, taken.lookup_settles_after, taken.proof) == (True, 9.0, "lookup")

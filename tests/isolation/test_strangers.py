"""Nobody sees or moves what isn't theirs: every route, every verb, every kind of stranger.

Merchant A of partner one carries a canary word in every row. Each route is filled with ids of A's
rows and asked for by the rightful owner and then by four strangers. A probe counts only if the
owner succeeds on the same address (otherwise a broken address would look like a safe one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.db import transaction
from django.test import Client

from kernel.audit.models import AuditEntry
from tenants.context import partner_context, public_context
from tenants.partners.models import Partner
from tenants.people.models import User
from tests.isolation.routes import VERBS, Route, routes
from tests.screens.seed import Seeded, seed

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

CANARY = "canary7f3e9a"
SLUG = "harbour-pine"
WALKED = routes()


@dataclass(slots=True)
class World:
    """``mine``: what the probes are after. ``own_place``: a stranger's own merchant. ``special``:
    values of one route, where the same word means something else."""

    mine: Seeded
    partner: Partner
    values: dict[str, Any]
    body: dict[str, Any]
    owner: Client
    strangers: dict[str, Client]
    own_place: dict[str, dict[str, str]]
    special: dict[str, dict[str, Any]]


@pytest.fixture
def world(
    partner: Partner,
    second_partner: Partner,
    sign_in: Callable[..., Client],
    django_user_model: type[User],
) -> Iterator[World]:
    """Two partners whose merchants have the same short name, so that only ids tell them apart."""
    with partner_context(second_partner):
        seed(SLUG, "Namesake", mark="", orders=22)
    with partner_context(partner):
        neighbour = seed("next-door", "Next door", mark="", orders=22)
        mine = seed(SLUG, "Harbour", mark=CANARY, orders=22)
        heard = mine.first_event
        delivered = mine.orders[0].deliveries.get()
    owner = sign_in(partner)
    strangers = {
        "nobody": Client(SERVER_NAME=_host(partner)),
        "another merchant's user": sign_in(partner, "operator", [neighbour.merchant.pk]),
        "another partner's owner": sign_in(second_partner),
        "our own owner on another partner's host": _carried(owner, second_partner),
    }
    user = django_user_model.objects.get(email=f"owner@{partner.slug}.example")
    yield World(
        mine,
        partner,
        _values(mine, user),
        _body(mine, user),
        owner,
        strangers,
        {
            "another merchant's user": {"merchant": "next-door", "kind": "production"},
            "another partner's owner": {"merchant": SLUG, "kind": "production"},
        },
        {
            "heard": {"number": heard},
            "read_again": {"number": heard},
            "declare": {"delivery": mine.unknown[0].pk},
            "recreate": {"delivery": delivered.pk},
            "connect": {"connection": mine.connections["shop"].slug},
        },
    )


def test_strangers_get_nothing(world: World) -> None:
    """For each route and verb: the owner, then four strangers; nothing of it is kept."""
    complaints: list[str] = []
    for route in WALKED:
        missing = route.parameters - set(world.values)
        if missing:
            complaints.append(f"Say in _values() which real row fills {missing} of {route.route}.")
            continue
        values = world.values | world.special.get(route.name, {})
        worked = [verb for verb in VERBS if _probe(world, route, verb, values, complaints)]
        if route.parameters and not worked:
            complaints.append(f"No verb of {route.route} works for its owner: no probe counts.")
    assert not complaints, "\n".join(complaints)


def test_the_walk_reaches_the_portal() -> None:
    """The resolver is really read: pages with ids, actions, and the account's own are in it."""
    names = {route.name for route in WALKED}
    assert {
        "journey",
        "version",
        "resolve",
        "resend",
        "pause",
        "recreate",
        "declare",
        "read_again",
        "connect",
    } <= names
    assert {"account_login", "account_reset_password_from_key"} <= names


def _probe(
    world: World, route: Route, verb: str, values: dict[str, Any], complaints: list[str]
) -> bool:
    """Whether the owner succeeded. What anybody got or did wrongly is added to ``complaints``."""
    if route.is_account and verb == "POST":
        return False  # its forms act on the session's own account, which no path can name
    with transaction.atomic():
        answer = _ask(world.owner, verb, route.path(values), world.body)
        shown = _everything(answer)
        transaction.set_rollback(True)
    if answer.status_code == 405:
        return False  # refused before any view has looked at anything
    must_show = verb == "GET" and answer.status_code == 200 and route.is_placed
    if must_show and CANARY.encode() not in shown:
        complaints.append(f"{route.route} shows no canary to its owner: the probe is blind.")
    with transaction.atomic():
        before = _acts(world)
        for who, client in world.strangers.items():
            complaints += _stranger(world, route, verb, values, (who, client))
        if _acts(world) != before:
            complaints.append(f"A stranger's {verb} {route.route} did something.")
        transaction.set_rollback(True)
    return answer.status_code < 400 and verb != "OPTIONS"


def _stranger(
    world: World, route: Route, verb: str, mine: dict[str, Any], stranger: tuple[str, Client]
) -> list[str]:
    """At the merchant's own address, and with the merchant's ids under an address of their own."""
    who, client = stranger
    places = [mine]
    if route.is_placed and who in world.own_place:
        places.append(mine | world.own_place[who])
    found = []
    for values in places:
        answer = _ask(client, verb, route.path(values), world.body)
        told = f"{who}: {verb} {route.path(values)} gives {answer.status_code}"
        if CANARY.encode() in _everything(answer):
            found.append(f"{told} and shows the canary.")
        own = values is not mine or who == "another partner's owner"
        if route.is_placed and (route.names_a_thing or not own) and not _refused(answer):
            found.append(f"{told}, but a stranger must get 404 or the sign-in page.")
    return found


def _refused(answer: Any) -> bool:
    """404, or a verb nobody may use here, or off to sign in."""
    if answer.status_code in {302, 204}:
        goal = answer.headers.get("Location", answer.headers.get("HX-Redirect", ""))
        return goal.startswith("/account/login/")
    return answer.status_code in {404, 405}


def _ask(client: Client, verb: str, path: str, body: dict[str, Any]) -> Any:
    if verb in {"GET", "HEAD"}:
        asked = {name: body[name] for name in ("delivery", "q")} if "resend" in path else {}
        return getattr(client, verb.lower())(path, asked)
    if verb == "POST":
        return client.post(path, body)
    return client.generic(verb, path)


def _everything(answer: Any) -> bytes:
    """Body, streamed or not, and headers."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return body + str(answer.headers).encode()


def _acts(world: World) -> int:
    """Acts on rows of merchant A; what a neighbour does at home is their own business."""
    mine = world.mine
    rows = [mine.merchant, mine.environment, *mine.connections.values(), *mine.exceptions]
    ids = {str(row.pk) for row in [*rows, *mine.dead, *mine.unknown, *mine.orders]}
    ids |= {str(value) for special in world.special.values() for value in special.values()}
    with partner_context(world.partner):
        subjects = AuditEntry.objects.values_list("subject", flat=True)
        return sum(subject.partition(":")[2] in ids for subject in subjects)


def _values(mine: Seeded, user: User) -> dict[str, Any]:
    """A real row of merchant A for every parameter a route may have."""
    record = mine.orders[0]
    return {
        "merchant": mine.merchant.slug,
        "kind": mine.environment.kind,
        "record": record.pk,
        "number": 1,
        "exception": mine.exceptions[0].pk,
        "delivery": mine.dead[0].pk,
        "connection": mine.connections["erp"].slug,
        "uidb36": user_pk_to_url_str(user),
        "key": default_token_generator.make_token(user),
    }


def _body(mine: Seeded, user: User) -> dict[str, Any]:
    """What every form of the portal could ask for, all at once."""
    return {
        "to": str(user.pk),
        "until": "day",
        "note": "mended",
        "reason": "known",
        "again": "",
        "delivery": str(mine.dead[0].pk),
        "zone": "Europe/Berlin",
        "gone": "on",
        "verdict": "missing",
        "q": mine.orders[0].number,
    }


def _carried(client: Client, partner: Partner) -> Client:
    """The same cookies at another partner's host."""
    other = Client(SERVER_NAME=_host(partner))
    other.cookies = client.cookies
    return other


def _host(partner: Partner) -> str:
    with public_context():
        return str(partner.domains.get().domain)

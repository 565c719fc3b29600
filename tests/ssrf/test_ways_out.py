"""No spelling leads any way out of the hub to loopback, unless the operator allowed loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from kernel.security.addresses import Policy
from kernel.security.egress import EgressRefused, GuardedClient
from tests.ssrf.loopback import Loopback, loopback
from tests.ssrf.spellings import HOSTS, urls
from tests.ssrf.ways import BY_HOST, BY_URL, SENT_ON, Stopped, Way, bare

CLOSED, OPEN = Policy(), Policy.of(["127.0.0.0/8", "::1/128"])
WAYS = BY_URL | BY_HOST


@pytest.fixture(scope="module")
def inside() -> Iterator[Loopback]:
    with loopback() as made:
        yield made


def places(name: str, port: int) -> list[str]:
    return [bare(host) for host in HOSTS] if name in BY_HOST else urls(port)


def test_there_are_enough_spellings() -> None:
    assert len(set(HOSTS)) == len(HOSTS) >= 60


@pytest.mark.parametrize("name", [*WAYS, *SENT_ON])
def test_no_spelling_leads_to_loopback(name: str, inside: Loopback) -> None:
    way = (WAYS | SENT_ON)[name]
    taken = [place for place in places(name, inside.port) if not stopped(way, place, inside)]
    assert inside.hits() == 0
    assert taken == [] or name in SENT_ON  # a redirect is an answer like any other


@pytest.mark.parametrize("name", WAYS)
def test_what_the_operator_allows_is_reached(name: str, inside: Loopback) -> None:
    """Each way does go where it is told: else the test above would prove nothing."""
    place = "127.0.0.1" if name in BY_HOST else f"http://127.0.0.1:{inside.port}/"
    stopped(WAYS[name], place, inside, OPEN)
    assert inside.hits() > 0


@pytest.mark.parametrize("name", SENT_ON)
def test_a_system_cannot_send_us_to_another_even_where_the_operator_allows_it(
    name: str, inside: Loopback
) -> None:
    """Our credentials for one system are not for its neighbour."""
    stopped(SENT_ON[name], f"http://127.0.0.1:{inside.port}/", inside, OPEN)
    assert inside.hits() == 0


def test_a_name_that_leads_first_to_the_world_and_then_inside_is_judged_both_times(
    inside: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that changes its answer between looking and going (DNS rebinding)."""
    answers = [["1.1.1.1"], ["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"]]

    def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    client = GuardedClient(CLOSED)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert client.address("rebound.example.com", inside.port) == "1.1.1.1"
    for _ in range(4):
        with pytest.raises(EgressRefused, match=r"rebound\.example\.com"):
            client.connect("rebound.example.com", inside.port)
    monkeypatch.undo()
    assert inside.hits() == 0


def stopped(way: Way, place: str, inside: Loopback, policy: Policy = CLOSED) -> bool:
    try:
        way(place, inside.port, policy)
    except Stopped:
        return True
    return False

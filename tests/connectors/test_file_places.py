"""Places of files through the hub's own guarded way out: allowed places work, others are refused
before a byte leaves, whatever library speaks the protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.files.simulator import objects, sftp
from connectors.sdk.errors import AccessRefused
from connectors.sdk.files.settings import open_place
from connectors.sdk.http import Http
from connectors.sdk.records import Json
from connectors.sdk.testing.simulators import Running, running
from hub.connections.session import GuardedHttp
from kernel.security.addresses import Policy
from kernel.security.egress import GuardedClient

SECRETS = {
    "password": sftp.PASSWORD,
    "access_key": objects.ACCESS_KEY,
    "secret_key": objects.SECRET_KEY,
}


def guarded(*allowed: str) -> Http:
    """The hub's own way out under a policy of ours."""
    return GuardedHttp(GuardedClient(Policy.of(allowed)))


@pytest.fixture(scope="module")
def store() -> Iterator[Running]:
    with running(objects.build) as simulator:
        yield simulator


def bucket(store: Running, **more: Any) -> Json:
    return {"place": "s3", "endpoint": store.url, "bucket": "b", **more}


def server(served: sftp.FileServer, **more: Any) -> Json:
    return {"place": "sftp", "host": "127.0.0.1", "port": served.port, "user": sftp.USER,
            "host_key": served.host_key_line, **more}  # fmt: skip


def test_a_place_the_operator_allows_is_used(store: Running, tmp_path: Path) -> None:
    content = b"x" * 100_000
    with sftp.serving(tmp_path) as served:
        port = store.url.rpartition(":")[2]
        http = guarded(f"127.0.0.1:{port}", f"localhost:{served.port}")
        for settings in (bucket(store), server(served, host="localhost")):
            place = open_place(settings, SECRETS, http)
            place.give("in/a.txt", content)
            (entry,) = place.find("in/*", 5)
            assert place.read(entry, 200_000) == content
            place.archive("in/a.txt", "archive")
            assert place.find("in/*", 5) == [] and len(place.find("in/archive/*", 5)) == 1
            place.close()


def test_a_place_the_operator_does_not_allow_gets_nothing(store: Running, tmp_path: Path) -> None:
    port = store.url.rpartition(":")[2]
    with sftp.serving(tmp_path) as served:
        for settings in (
            server(served),
            server(served, host="localhost"),
            bucket(store),
            bucket(store, endpoint=f"http://localhost:{port}"),
            bucket(store, endpoint="http://169.254.169.254"),
            bucket(store, endpoint=f"http://[::ffff:127.0.0.1]:{port}"),
        ):
            with pytest.raises(AccessRefused, match="not on the public internet"):
                open_place(settings, SECRETS, guarded()).find("*", 1)
        assert served.connections == []


def test_every_request_is_judged_and_not_only_the_first_look(store: Running) -> None:
    """A name that led to a permitted place when the settings were looked at, and no longer does."""

    class Rebound:
        def address(self, host: str, port: int) -> str:
            return "127.0.0.1"

        def __getattr__(self, name: str) -> Any:
            return getattr(guarded(), name)

    place = open_place(bucket(store), SECRETS, Rebound())  # type: ignore[arg-type]
    with pytest.raises(AccessRefused, match="not on the public internet"):
        place.find("*", 1)

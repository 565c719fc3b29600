"""The real front door, as a process: a webhook is answered when it is safe, and only then."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from django.db import connection as database

from hub.connections.lifecycle import connect
from hub.connections.models import Connection
from hub.connections.session import secrets_of
from hub.runtime.home import ROOT
from hub.sync.models import InboxEvent
from tenants.context import partner_context
from tenants.merchants import lifecycle as merchants
from tenants.partners.models import Partner
from tests.conftest import MakePartner

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

ACTOR = "system:tests"


@dataclass
class Line:
    """A cable between the front door and its database that can be cut and mended."""

    target: tuple[str, int]
    door: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    cut: bool = False
    ends: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.door.getsockname()[1])

    def serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.door.accept()
                if self.cut:
                    near.close()
                    continue
                far = socket.create_connection(self.target)
                self.ends += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def unplug(self) -> None:
        self.cut = True
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@dataclass
class FrontDoor:
    port: int
    line: Line

    def post(self, connection: Connection, secret: str, body: bytes) -> int:
        mac = hmac.new(secret.encode(), body, hashlib.sha256).digest()
        return self.call(f"/hooks/{connection.webhook_token}", body, {
            "X-WC-Webhook-Topic": "order.updated",
            "X-WC-Webhook-Signature": base64.b64encode(mac).decode(),
        })  # fmt: skip

    def call(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> int:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(line):
            line.request("POST", path, body=body, headers=headers or {})
            return line.getresponse().status


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def door(tmp_path: Path) -> Iterator[FrontDoor]:
    """granian with the ingress, its database behind a cable of ours, and no Redis at all."""
    known = database.settings_dict
    line = Line((str(known["HOST"]), int(known["PORT"])))
    threading.Thread(target=line.serve, daemon=True).start()
    port = free_port()
    environ = os.environ | {
        "DATABASE_URL": f"postgresql://{known['USER']}:{known['PASSWORD']}@127.0.0.1:{line.port}"
        f"/{known['NAME']}",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "PYTHONPATH": os.pathsep.join((str(ROOT / "platform"), str(ROOT))),
    }
    argv = (sys.executable, "-m", "granian", "--interface", "rsgi", "--host", "127.0.0.1",
            "--port", str(port), "--workers", "1", "--no-ws", "hub.sync.ingress:app")  # fmt: skip
    with (tmp_path / "ingress.log").open("wb") as log:
        process = subprocess.Popen(argv, env=environ, cwd=ROOT, stdout=log, stderr=log)
    front = FrontDoor(port, line)
    try:
        wait_until_open(front, process)
        yield front
    finally:
        process.terminate()
        process.wait(15)
        line.door.close()


def wait_until_open(front: FrontDoor, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, "the front door didn't start"
        with contextlib.suppress(OSError):
            if front.call("/healthz", b"") == 200:
                return
        time.sleep(0.1)
    raise AssertionError("the front door didn't open in time")


@dataclass
class Shop:
    """A partner's shop: who may push, and what is there."""

    partner: Partner
    connection: Connection
    secret: str

    def kept(self) -> int:
        with partner_context(self.partner):
            return InboxEvent.objects.count()


def shop_of(partner: Partner) -> Shop:
    with partner_context(partner):
        merchant = merchants.create_merchant("hartley", "Hartley", actor=ACTOR)
        environment = merchant.environments.get()
        made = connect(environment, slug="shop", title="Shop", connector="woocommerce", actor=ACTOR,
                       config={"url": "https://shop.example.com"},
                       secrets={"consumer_key": "ck", "consumer_secret": "cs"})  # fmt: skip
        return Shop(partner, made, secrets_of(made)["webhook_secret"])


def test_a_push_is_kept_before_it_is_answered_even_without_redis(
    make_partner: MakePartner, door: FrontDoor
) -> None:
    shop = shop_of(make_partner("northwind"))
    body = b'{"id": 1, "note": "\x00 and bytes \xff as they came"}'
    assert door.post(shop.connection, shop.secret, body) == 200
    assert shop.kept() == 1, "committed before the answer"
    with partner_context(shop.partner):
        assert bytes(InboxEvent.objects.get().body) == body
    assert door.post(shop.connection, shop.secret, body) == 200
    assert shop.kept() == 1, "a copy ends at the key"
    assert door.post(shop.connection, "forged", b'{"id": 2}') == 401
    assert door.call(f"/hooks/{shop.connection.webhook_token}", b"webhook_id=3") == 200
    assert door.call("/hooks/nobody-knows-this-token", b"{}") == 404
    assert door.call("/elsewhere", b"{}") == 404
    assert shop.kept() == 1


def test_a_body_over_the_cap_is_refused_before_it_is_read(
    make_partner: MakePartner, door: FrontDoor
) -> None:
    shop = shop_of(make_partner("northwind"))
    line = http.client.HTTPConnection("127.0.0.1", door.port, timeout=20)
    with contextlib.closing(line):
        line.putrequest("POST", f"/hooks/{shop.connection.webhook_token}")
        line.putheader("Content-Length", str(17 * 2**20))
        line.endheaders()
        assert line.getresponse().status == 413
    assert shop.kept() == 0


def test_without_its_database_it_says_try_again_and_afterwards_takes_it(
    make_partner: MakePartner, door: FrontDoor
) -> None:
    shop = shop_of(make_partner("northwind"))
    assert door.post(shop.connection, shop.secret, b'{"id": 1}') == 200
    door.line.unplug()
    assert door.post(shop.connection, shop.secret, b'{"id": 2}') == 503
    door.line.cut = False
    assert door.post(shop.connection, shop.secret, b'{"id": 2}') == 200
    assert shop.kept() == 2


def test_one_partners_locked_table_costs_the_others_nothing(
    make_partner: MakePartner, door: FrontDoor
) -> None:
    """Section 8: requests share a commit; a group that fails is split per partner."""
    locked, other = shop_of(make_partner("northwind")), shop_of(make_partner("southwind"))
    for shop in (locked, other):
        assert door.post(shop.connection, shop.secret, b'{"id": 1}') == 200
    known = database.settings_dict
    with psycopg.connect(
        host=known["HOST"], port=known["PORT"], user=known["USER"], password=known["PASSWORD"],
        dbname=known["NAME"],
    ) as holder, ThreadPoolExecutor(8) as callers:  # fmt: skip
        holder.execute(f'LOCK TABLE "{locked.partner.schema_name}".sync_inboxevent')
        answers = [
            (shop, callers.submit(door.post, shop.connection, shop.secret, b'{"id": %d}' % n))
            for n in range(2, 6)
            for shop in (locked, other)
        ]
        statuses = {s.partner.slug: {f.result() for t, f in answers if t is s}
                    for s in (locked, other)}  # fmt: skip
        holder.rollback()
    assert statuses == {"northwind": {503}, "southwind": {200}}
    assert (locked.kept(), other.kept()) == (1, 5)

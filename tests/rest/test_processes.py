"""The same with real processes: the house system pushes to the real front door."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection as database

from hub.connections.session import webhook_address
from hub.runtime.home import ROOT
from hub.sync.models import InboxEvent
from tests.rest.conftest import SECRET, House, declared

pytestmark = pytest.mark.slow

HMAC = (
    'webhook = { style = "hmac", header = "X-Signature", algorithm = "sha256", encoding = "hex" }'
)
OVER_THE_ADDRESS = (
    'webhook = { style = "hmac", header = "X-Signature", algorithm = "sha1",'
    ' encoding = "base64", sign = "{address}{body}" }'
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def process(tmp_path: Path, port: int, probe: str, *argv: str, **more: str) -> Iterator[None]:
    """A program of ours that answers ``probe`` on its port."""
    known = database.settings_dict
    environ = os.environ | more | {
        "DATABASE_URL": f"postgresql://{known['USER']}:{known['PASSWORD']}@{known['HOST']}"
        f":{known['PORT']}/{known['NAME']}",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "PYTHONPATH": os.pathsep.join((str(ROOT / "platform"), str(ROOT))),
    }  # fmt: skip
    with (tmp_path / f"{port}.log").open("wb") as log:
        child = subprocess.Popen(argv, env=environ, cwd=ROOT, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 60
        while not answers(port, probe):
            assert child.poll() is None and time.monotonic() < end, argv
            time.sleep(0.1)
        yield
    finally:
        child.terminate()
        child.wait(30)


def answers(port: int, path: str, method: str = "GET", body: object = None) -> bytes:
    """What is said at that path; b"" while nobody is there."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(line):
        try:
            data = None if body is None else json.dumps(body).encode()
            line.request(method, path, body=data, headers={"Content-Type": "application/json"})
            return line.getresponse().read()
        except OSError:
            return b""


@pytest.mark.usefixtures("transactional_db")
def test_a_push_signed_over_our_address_reaches_the_inbox_through_the_front_door(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = example.read_text(encoding="utf-8")
    assert HMAC in text
    example.write_text(re.sub(re.escape(HMAC), OVER_THE_ADDRESS, text), encoding="utf-8")
    port, door = free_port(), free_port()
    public = f"http://127.0.0.1:{door}"
    monkeypatch.setenv("CROSSDOCK_INGRESS_URL", public)
    state = str(tmp_path / "house.db")
    system = (sys.executable, "-m", "connectors.rest.simulator", "--port", str(port),
              "--state", state)  # fmt: skip
    front = (sys.executable, "-m", "granian", "--interface", "rsgi", "--host", "127.0.0.1",
             "--port", str(door), "--workers", "1", "--no-ws", "hub.sync.ingress:app")  # fmt: skip
    with (
        process(tmp_path, port, "/", *system),
        declared(example, f"http://127.0.0.1:{port}", monkeypatch) as partner,
        process(tmp_path, door, "/healthz", *front, CROSSDOCK_INGRESS_URL=public),
    ):
        assert partner.slug == "northwind"
        house = House.connection("house")
        hook = {"address": webhook_address(house), "secret": SECRET, "style": "address"}
        answers(port, "/_sim/hook", "POST", hook)
        number = json.loads(answers(port, "/_sim/order", "POST", {}))["number"]
        end = time.monotonic() + 60
        while not InboxEvent.objects.filter(connection_id=house.id).exists():
            assert time.monotonic() < end, answers(port, "/_sim/counts")
            time.sleep(0.1)
        event = InboxEvent.objects.get(connection_id=house.id)
        assert json.loads(bytes(event.body))["number"] == number
        assert json.loads(answers(port, "/_sim/counts"))["lost"] == 0

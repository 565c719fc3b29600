"""The stage of the demo: an installation, outside systems beside it, hands to break both."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.proof import cut
from hub.proof.extract import pack
from hub.proof.outside import Outside, until
from hub.runtime.complaint import Complaint
from hub.runtime.home import ROOT, Home
from hub.runtime.installation import Installation
from hub.runtime.process import Process
from hub.runtime.processes import Ports, answers, check_ports

HERE = Path(__file__).parent
EXTRACT = HERE / "data" / "online-retail-2011-08.csv.gz"
# They open nothing but simulators and the demo's own people, on loopback.
SHOP_KEY, SHOP_SECRET = "ck_crossdock_demo_shop", "cs_crossdock_demo_shop"
ERP_KEY = "odoo-sim-key"
PASSWORD = "show-me-the-dock"  # noqa: S105
SIMULATORS = {
    "erp": "connectors.odoo.simulator",
    "shop": "connectors.woocommerce.simulator",
    "tills": "connectors.csvtill.simulator",
    "erp2": "connectors.odoo.simulator",
    "shop2": "connectors.woocommerce.simulator",
}


@dataclass(frozen=True)
class Addresses:
    """Ports after the ingress: one per simulator, then the board."""

    first: int

    def port(self, name: str) -> int:
        return self.first + (*SIMULATORS, "board").index(name)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port(name)}"


def environment(
    home: Home, addresses: Addresses, ports: Ports, given: Mapping[str, str]
) -> dict[str, str]:
    """What the installation's processes and the declaration see."""
    return dict(given) | {
        "CROSSDOCK_HTTP": "1",
        "CROSSDOCK_EGRESS_ALLOW": "127.0.0.0/8",
        "CROSSDOCK_FOLDERS": str(home.simulators),
        "CROSSDOCK_INGRESS_URL": f"http://127.0.0.1:{ports.ingress}",
        "DEMO_PASSWORD": PASSWORD,
        "DEMO_ERP_URL": addresses.url("erp"),
        "DEMO_SHOP_URL": addresses.url("shop"),
        "DEMO_ERP2_URL": addresses.url("erp2"),
        "DEMO_SHOP2_URL": addresses.url("shop2"),
        "DEMO_TILLS": str(home.simulators / "tills"),
        "DEMO_ERP_KEY": ERP_KEY,
        "DEMO_SHOP_KEY": SHOP_KEY,
        "DEMO_SHOP_SECRET": SHOP_SECRET,
        "DEMO_HOOK_SECRET": "demohooksecret0123456789",
    }


def _one_day(home: Home, day: str) -> Path:
    """The extract's invoices of one day, in a file of their own that player and counter read."""
    rows = cut.read(EXTRACT)
    keep = {r.invoice for r in rows if r.at[:10] == day}
    if not keep:
        days = sorted({r.at[:10] for r in rows})
        raise Complaint(f"Nothing was sold on {day}.", f"Choose a day of {days[0]} to {days[-1]}.")
    path = home.simulators / f"extract-{day}.csv.gz"
    path.write_bytes(pack(EXTRACT, keep))
    return path


class Stage:
    """Built around an installation that runs. ``systems``: the file the counter reads; ``day``:
    play only that day of the extract."""

    def __init__(self, installation: Installation, day: str = "") -> None:
        self.installation = installation
        self.home = installation.home
        self.addresses = Addresses(installation.ports.simulators)
        self.systems = self.home.simulators / "systems.json"
        self.extract = _one_day(self.home, day) if day else EXTRACT
        self.shop = Outside(self.addresses.url("shop"), "shop", basic())
        self.shop2 = Outside(self.addresses.url("shop2"), "second shop", basic())
        self.erp = Outside(self.addresses.url("erp"), "ERP")
        self.erp2 = Outside(self.addresses.url("erp2"), "second ERP")
        self.tills = Outside(self.addresses.url("tills"), "tills")

    def open_outside(self) -> None:
        """Start the simulators. Raises Complaint when a port is taken."""
        tills = self.home.simulators / "tills"
        tills.mkdir(parents=True, exist_ok=True)
        check_ports(*(self.addresses.port(name) for name in (*SIMULATORS, "board")))
        for name, module in SIMULATORS.items():
            port = self.addresses.port(name)
            state = str(self.home.simulators / f"{name}.db")
            folder = ("--folder", str(tills)) if name == "tills" else ()
            argv = (sys.executable, "-m", module, "--port", str(port), "--state", state, *folder)
            env = self.installation.environ()
            ready = answers(port, "/")
            self.installation.start(
                Process(name=f"sim-{name}", argv=argv, env=env, cwd=ROOT, ready=ready)
            )
        for name in SIMULATORS:
            self.installation.wait_ready(f"sim-{name}")
        self._write_systems(tills)

    def _write_systems(self, tills: Path) -> None:
        shop = {"url": self.shop.url, "key": SHOP_KEY, "secret": SHOP_SECRET}
        systems = {
            "extract": str(self.extract),
            "shop": shop,
            "erp": {"url": self.erp.url, "key": ERP_KEY},
            "tills": str(tills),
        }
        self.systems.write_text(json.dumps(systems), encoding="utf-8")

    # ---- the hub
    def declare(self, declaration: Path) -> str:
        """`manage.py apply`; returns its last line. Raises Complaint with what it said."""
        done = self._child("-m", "django", "apply", str(declaration), "--subscribe")
        if done.returncode:
            raise Complaint(
                f"The demo's set-up was refused: {done.stderr.strip()[-1500:]}",
                "This is a fault of the demo: please report it with the log.",
            )
        return (done.stdout.strip().splitlines() or [""])[-1]

    def exceptions(self) -> dict[str, Any]:
        """{partner: {exceptions: {code: …}, owed: {…}}}; empty when it can't be read now."""
        done = self._child("-m", "hub.proof.causes")
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def count(self, *options: str) -> dict[str, Any]:
        """The counter's report, from a process that sees none of our packages."""
        counter = str(HERE / "counter.py")
        done = self._child("-I", counter, str(self.systems), *options)
        lines = done.stdout.strip().splitlines()
        if not lines:
            raise Complaint(
                f"The counter could not count: {done.stderr.strip()[-800:]}",
                "Look at the simulators' logs in the home's logs folder.",
            )
        return dict(json.loads(lines[-1]))

    def _child(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (sys.executable, *argv),
            env=self.installation.environ(),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    # ---- breaking things, with evidence
    def kill_worker(self) -> dict[str, Any]:
        """Kill the first worker with -9 and see another pid take its place."""
        before = self.installation.pids().get("worker-1", 0)
        self.installation.kill("worker-1")

        def back() -> bool:
            return self.installation.pids().get("worker-1", before) not in (0, before)

        began = time.monotonic()
        returned = until(back, 30, 0.1)
        after = self.installation.pids().get("worker-1", 0) if returned else 0
        return {"pid": before, "next_pid": after, "seconds": round(time.monotonic() - began, 1)}

    def flush_redis(self) -> dict[str, Any]:
        self.installation.flush_redis()
        return {"flushed": True}

    def sell(self, count: int) -> int:
        """People buy any articles, in the shop and at tills in turn; how many were sold."""
        for number in range(count):
            if number % 2:
                self.tills.post("/_sim/sell", {"store": cut.STORES[number % len(cut.STORES)]})
            else:
                self.shop.post("/_sim/sell", {})
        return count

    def erp_down(self, seconds: float = 20.0) -> dict[str, Any]:
        self.erp.post("/_sim/faults", {"kind": "down", "match": "/json/", "seconds": seconds})
        return {"seconds": seconds}


def basic() -> str:
    """The header with which the story looks into the shop."""
    return "Basic " + base64.b64encode(f"{SHOP_KEY}:{SHOP_SECRET}".encode()).decode()


def installation_for(home: Home, port: int) -> Installation:
    """The installation with the demo's environment."""
    ports = Ports(port)
    return Installation(
        home, port, environ=environment(home, Addresses(ports.simulators), ports, os.environ)
    )

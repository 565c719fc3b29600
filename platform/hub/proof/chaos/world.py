"""The world that is put under fire: three partners, one street of shops, four kinds of targets.

Every line between us and the outside, and between the shops and our front door, leads through the
fault proxy. What runs of ours runs as `up` runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import psycopg
from psycopg import sql

from hub.proof.chaos.injection import guards
from hub.proof.chaos.outside.target import api_key
from hub.proof.chaos.retail import COUNTER, SIMULATORS, Retail
from hub.proof.outside import Outside
from hub.proof.stage import ERP_KEY, SHOP_KEY, SHOP_SECRET
from hub.runtime import processes as usual
from hub.runtime.complaint import Complaint
from hub.runtime.home import ROOT, Home
from hub.runtime.installation import Installation
from hub.runtime.process import Process
from hub.runtime.processes import Ports, answers, check_ports

Json = dict[str, Any]
HERE = Path(__file__).parent
TENANTS = ("amber", "birch", "cobalt")
#: Has a web shop and an ERP (retail.toml); has nothing, and a schema that is set back (elder.py).
RETAILER, ELDER = "dune", "elder"
TARGETS = ("keyed", "searchable", "bare", "levels")
HOOK_SECRET = "opens-nothing-but-a-chaos-run"  # noqa: S105 - loopback only, for as long as a run
#: Lines through the proxy: what they are called, and what they lead to.
LINES = ("door", "shop", *TARGETS, *SIMULATORS)
OURS = ("web", "ingress", "worker-1", "worker-2", "scheduler")

#: What must end where, and how it is judged. ``name``: what a thing is called in what is sent;
#: ``key``: by what it is matched, where that is something else. Of ``billed`` lanes each document
#: counts once, when all of them have it.
LANES: list[Json] = [
    {"topic": "orders", "entity": "order", "target": "keyed", "class": "document"},
    {"topic": "orders", "entity": "order", "target": "searchable", "class": "document"},
    {"topic": "payments", "entity": "payment", "target": "keyed", "class": "fact"},
    {"topic": "sales", "entity": "sale", "target": "bare", "class": "document"},
    {"topic": "customers", "entity": "customer", "target": "keyed", "class": "register"},
    {"topic": "customers", "entity": "customer", "target": "searchable", "class": "register"},
    {"topic": "stock", "entity": "stock_level", "target": "levels", "class": "level", "name": "id",
     "key": "key"},
]  # fmt: skip
SUMS: list[Json] = [
    {"topic": "stock", "target": "levels", "location": "available", "buffer": 2},
]


def lanes() -> list[Json]:
    """With what is the same for most filled in."""
    return [{"resource": lane["topic"], "name": "number", **lane} for lane in LANES]


@dataclass(frozen=True)
class Places:
    """Ports from one number on: web, ingress, then what stands outside, then the lines' ends."""

    first: int

    def port(self, name: str) -> int:
        """Where ``name`` itself listens."""
        if name == "door":
            return Ports(self.first).ingress
        return self.first + 2 + ("shop", *TARGETS, "control", *SIMULATORS).index(name)

    def line(self, name: str) -> int:
        """Where the line to ``name`` begins."""
        return self.first + 40 + LINES.index(name)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port(name)}"


#: Variables a process of ours gets beside those `up` gives it, by its name.
Injected = Callable[[str], Mapping[str, str]]


def _nothing(_: str) -> Mapping[str, str]:
    return {}


@dataclass
class World:
    """An installation and all that stands around it. ``injected``: the harness's own levers."""

    home: Home
    first: int
    injected: Injected = field(default=_nothing)
    installation: Installation = field(init=False)
    guards_off: tuple[str, ...] = ()
    small_disk: bool = False
    schemas: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.places = Places(self.first)
        self.installation = Installation(
            self.home, self.first, environ=self._environment(), compose=self._compose
        )
        self.shop = Outside(self.places.url("shop"), "shops")
        self.proxy = Outside(self.places.url("control"), "fault proxy")
        self.targets = {n: Outside(self.places.url(n), n) for n in TARGETS}

    def _environment(self) -> dict[str, str]:
        secrets = {"CHAOS_ERP_KEY": ERP_KEY, "CHAOS_WOO_KEY": SHOP_KEY,
                   "CHAOS_WOO_SECRET": SHOP_SECRET}  # fmt: skip
        secrets |= {f"CHAOS_KEY_{t.upper()}": api_key(t) for t in TENANTS}
        given = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
        return (
            given
            | secrets
            | {
                "CROSSDOCK_HTTP": "1",
                "CROSSDOCK_EGRESS_ALLOW": "127.0.0.0/8",
                "CROSSDOCK_INGRESS_URL": f"http://127.0.0.1:{self.places.line('door')}",
                "CHAOS_HOOK_SECRET": HOOK_SECRET,
            }
        )

    def _compose(self, ports: Ports, environ: Mapping[str, str]) -> list[Process]:
        return [self.armed(p) for p in usual.processes(ports, environ)]

    def armed(self, process: Process, more: Mapping[str, str] | None = None) -> Process:
        """The same process with the harness's levers in its environment."""
        env = {**process.env, **self.injected(process.name), **(more or {})}
        return Process(**{**vars(process), "env": env})

    def ours(self) -> dict[str, Process]:
        """Our processes as they are run, by name."""
        found = self._compose(self.installation.ports, self.installation.environ())
        return {p.name: p for p in found}

    # ---- building it
    def build(self) -> None:
        """Start what stands outside, the lines, and declare the partners. Raises Complaint."""
        names = ("shop", *TARGETS, *SIMULATORS)
        check_ports(*(self.places.port(n) for n in (*names, "control")),
                    *(self.places.line(n) for n in LINES))  # fmt: skip
        for name in names:
            self._outside(name, *self._argv(name))
        ends = (f"{n}={self.places.line(n)}:{self.places.port(n)}" for n in LINES)
        lines = (part for end in ends for part in ("--line", end))
        control = str(self.places.port("control"))
        self._outside("control", "hub.proof.chaos.proxy", "--control", control, *lines)
        for name in (*names, "control"):
            self.installation.wait_ready(f"out-{name}")
        self._declare()
        self.described()

    def _argv(self, name: str) -> tuple[str, ...]:
        port = ("--port", str(self.places.port(name)))
        if name == "shop":
            return ("hub.proof.chaos.outside.source", *port)
        if name in SIMULATORS:
            return (SIMULATORS[name], *port, "--state", str(self.home.simulators / f"{name}.db"))
        log = str(self.home.simulators / f"{name}.jsonl")
        return ("hub.proof.chaos.outside.target", "--kind", name, "--log", log, *port)

    def _outside(self, name: str, module: str, *arguments: str) -> None:
        argv = (sys.executable, "-m", module, *arguments)
        ready = answers(self.places.port(name), "/" if name in SIMULATORS else "/_counts")
        env = {k: v for k, v in self.installation.environ().items() if "_URL" not in k}
        self.installation.start(
            Process(name=f"out-{name}", argv=argv, env=env, cwd=ROOT, ready=ready)
        )

    def _declare(self) -> None:
        template, retail = (
            Template((HERE / name).read_text(encoding="utf-8"))
            for name in ("tenant.toml", "retail.toml")
        )
        ends = {name: self.places.line(name) for name in LINES}
        text = "\n".join(
            template.safe_substitute(ends, tenant=t, TENANT=t.upper()) for t in TENANTS
        )
        text += retail.safe_substitute(ends)
        text += f'\n[[partners]]\nslug = "{ELDER}"\nname = "Partner {ELDER}"\n'
        path = self.home.run / "chaos.toml"
        path.write_text(text, encoding="utf-8")
        done = self.child("-m", "django", "apply", str(path), "--subscribe")
        if done.returncode:
            raise Complaint(
                f"The harness's world was refused: {(done.stderr or done.stdout).strip()[-2000:]}",
                "This is a fault of the harness: please report it with the log.",
            )
        with self.database() as line:
            self.schemas = dict(
                line.execute("SELECT slug, schema_name FROM partners_partner").fetchall()
            )

        self._weaken()

    def _weaken(self) -> None:
        """Take out of the database what a guard to be left out has there."""
        with self.database() as line:
            for statement in guards.weakening(self.guards_off, self.schemas.values()):
                line.execute(statement)

    # ---- reaching into it
    def child(self, *argv: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """A process of ours beside the installation, until its end."""
        return subprocess.run(
            (sys.executable, *argv), env=self.installation.environ(), cwd=ROOT,
            capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip

    def database(self) -> psycopg.Connection[Any]:
        """Raises psycopg.OperationalError while the database is away."""
        url = self.installation.embedded.database_url
        return psycopg.connect(url, autocommit=True, connect_timeout=3)

    def ask(self, tenant: str, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows of a tenant's schema: ``{schema}`` stands for it."""
        schema = sql.Identifier(self.schemas[tenant])
        with self.database() as line:
            return line.execute(sql.SQL(statement).format(schema=schema), parameters).fetchall()

    def hooks(self) -> Json:
        """Where each shop pushes to, and what it signs with."""
        statement = "SELECT webhook_token FROM {schema}.connections_connection WHERE slug = 'shop'"
        tokens = {t: self.ask(t, statement)[0][0] for t in TENANTS}
        return {t: {"path": f"/hooks/{k}", "secret": HOOK_SECRET} for t, k in tokens.items()}

    # ---- judging it
    def described(self) -> Path:
        """The file the checker reads."""
        path = self.home.run / "world.json"
        path.write_text(json.dumps(self.facts()), encoding="utf-8")
        return path

    def facts(self) -> Json:
        return {
            "database": self.installation.embedded.database_url,
            "source": self.places.url("shop"),
            "targets": {name: self.places.url(name) for name in TARGETS},
            "tenants": {t: t for t in (*TENANTS, RETAILER)},
            "lanes": lanes(),
            "sums": SUMS,
        }

    def count(self, retail: Retail) -> Json:
        """What the demo's counter finds in the web shop and the ERP. Raises Complaint."""
        systems = str(retail.systems(self.home.simulators))
        return self._last_line("-I", str(COUNTER), systems, "--live", seconds=120)

    def check(self, wait: float) -> Json:
        """The checker's report, from a process that sees none of our packages. Raises Complaint
        when it couldn't judge."""
        checker = str(HERE / "checker.py")
        described = str(self.described())
        return self._last_line("-I", checker, described, "--wait", str(wait), seconds=wait + 300)

    def _last_line(self, *argv: str, seconds: float) -> Json:
        done = self.child(*argv, seconds=seconds)
        lines = done.stdout.strip().splitlines()
        if not lines:
            raise Complaint(
                f"{Path(argv[1]).name} could not judge: {done.stderr.strip()[-1500:]}",
                "Look at the logs in the home's logs folder.",
            )
        return dict(json.loads(lines[-1]))

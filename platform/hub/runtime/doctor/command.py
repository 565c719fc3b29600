"""`manage.py doctor [--json] [--home DIR]`: looks, tells, and changes nothing."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial

from hub.runtime.doctor import machine, servers
from hub.runtime.doctor.findings import Finding, looked, ok, wrong
from hub.runtime.embedded import SETTINGS_MODULE
from hub.runtime.home import Home, resolve


def main(argv: list[str]) -> int:
    """0 if nothing is wrong (notes may be), else 1."""
    parser = argparse.ArgumentParser(prog="manage.py doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--home", help="the installation's home folder")
    asked = parser.parse_args(argv)
    if asked.home:
        os.environ["CROSSDOCK_HOME"] = asked.home
    findings: list[Finding] = []
    for finding in examine(resolve()):
        findings.append(finding)
        if not asked.json:
            sys.stdout.write(f"{finding}\n")
            sys.stdout.flush()
    count = sum(finding.level == "wrong" for finding in findings)
    if asked.json:
        told = {"well": count == 0, "findings": [asdict(finding) for finding in findings]}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        sys.stdout.write("Nothing is wrong.\n" if not count else f"{count} to mend.\n")
    return 1 if count else 0


def examine(home: Home) -> Iterator[Finding]:
    """Everything that can be known now, the machine first; starts nothing, changes nothing."""
    yield from looked("python", machine.python)
    yield from looked("home", partial(machine.home, home))
    yield from looked("keys", partial(machine.keys, home, os.environ))
    yield from looked("variables", partial(machine.variables, os.environ))
    database_url, redis_url = home.urls()
    up = home.running()
    if up:
        yield ok("processes", f"It is running (process {home.holder()}).")
    elif not database_url:
        yield wrong(
            "processes",
            "It is not running; what only its database knows is left out.",
            "Start it with: manage.py up",
        )
        return
    yield from _servers(home, database_url, redis_url, up)


def _servers(home: Home, database_url: str, redis_url: str, up: bool) -> Iterator[Finding]:
    found = list(looked("database", partial(servers.database, database_url)))
    yield from found
    reached = not any("can't be reached" in finding.says for finding in found)
    if redis_url:
        yield from looked("redis", partial(servers.doorbells, redis_url))
        yield from looked("workers", partial(servers.workers, redis_url))
    facts = home.services() if up else {}
    for topic, name in (("web", "url"), ("front door", "ingress_url")):
        if address := str(facts.get(name, "")):
            yield from looked(topic, partial(servers.answers, topic, address))
    if public := os.environ.get("CROSSDOCK_INGRESS_URL"):
        yield from looked("front door", partial(servers.answers, "front door", public))
    if reached:
        yield from _inside()


def _inside() -> Iterator[Finding]:
    import django  # noqa: PLC0415 - without a database its settings would only make keys

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS_MODULE)
    django.setup()
    from hub.runtime.doctor import inside  # noqa: PLC0415 - models need the set-up

    found = list(looked("migrations", inside.migrations))
    yield from found
    yield from looked("checks", inside.system_checks)
    if any(finding.level == "wrong" for finding in found):
        # What is behind lacks tables and columns: every further look would only say so again.
        return
    for topic, look in (
        ("scheduler", inside.pace),
        ("partners", inside.partners),
        ("vault", inside.vault),
        ("audit", inside.audit),
    ):
        yield from looked(topic, look)

"""Where things may lie and what may lean on what, asked of the files and of Django's models."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models

ROOT = Path(settings.ROOT)
SOURCES = ("platform", "tenants", "connectors", "billing", "tests")
LAYERS = ("kernel", "tenants", "billing", "hub")
"""From the ground up: a relation may point to its own layer or one before it."""
DRAWERS = {"utils", "util", "common", "helpers", "helper", "services", "service", "manager", "misc"}
LONGEST = 500
LONGER_WITH_REASON: dict[str, str] = {}
"""Path to the reason why the file may be longer."""
ONE_DOOR = {"tenants/context.py"}
SWITCHES = re.compile(r"\b(schema_context|tenant_context|set_tenant|set_schema\w*)\b")
REGISTRIES = re.compile(
    r"\b(pypi"
    r"\.org|files\.pythonhosted"
    r"\.org|registry\.npmjs"
    r"\.org|crates"
    r"\.io"
    r"|proxy\.golang"
    r"\.org|rubygems"
    r"\.org|docker"
    r"\.io|ghcr"
    r"\.io)\b"
)
MACHINE_PATHS = re.compile(r"(?<![\w.~])/(work|root)/\w")


def tracked() -> list[Path]:
    """Files in the repository or about to be: tracked, and new ones that aren't ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()]


def python_files() -> Iterator[Path]:
    for path in tracked():
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in SOURCES:
            yield path


def named(paths: Iterator[Path] | list[Path]) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in paths)


def test_these_tests_look_at_the_real_tree() -> None:
    found = named(python_files())
    assert "tenants/context.py" in found
    assert "platform/hub/config/settings.py" in found


def test_platform_is_a_source_folder_and_never_a_package() -> None:
    assert named(list((ROOT / "platform").glob("*.py"))) == []


def test_there_are_no_drawers() -> None:
    assert (
        named([p for p in python_files() if DRAWERS & {p.stem, *p.relative_to(ROOT).parts}]) == []
    )


def test_every_file_is_small_enough_to_love() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in python_files()
        if "migrations" not in path.parts
        and (count := len(path.read_text().splitlines())) > LONGEST
    }
    assert {path: count for path, count in long.items() if path not in LONGER_WITH_REASON} == {}
    assert set(LONGER_WITH_REASON) <= set(long), "an exception that is not needed any more"


def test_a_schema_is_activated_in_one_place_only() -> None:
    switching = [
        path
        for path in python_files()
        if path.relative_to(ROOT).parts[0] != "tests" and SWITCHES.search(path.read_text())
    ]
    assert set(named(switching)) == ONE_DOOR


def test_no_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    naming = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if REGISTRIES.search(text) or (path != Path(__file__) and MACHINE_PATHS.search(text)):
            naming.append(path)
    assert named(naming) == []


NETWORK = re.compile(
    r"^\s*(import|from)\s+(socket|socketserver|ftplib|smtplib|telnetlib|urllib\.request|http\.client"
    r"|http\.server|xmlrpc)\b",
    re.MULTILINE,
)
MAY_OPEN_SOCKETS = re.compile(
    r"platform/kernel/security/egress\.py"  # the door
    r"|connectors/sdk/http\.py|platform/hub/connections/session\.py"  # name the door's socket type
    r"|platform/hub/runtime/"  # finds free ports, waits for its own processes
    r"|platform/hub/proof/"  # reads the outside systems as an outsider
    r"|connectors/\w+/simulator|connectors/sdk/(simulation|testing)/"  # stand-ins
    r"|connectors/\w+/tests/|tests/"
)


def test_one_door_to_the_network_in_the_standard_library_too() -> None:
    opening = [path for path in python_files() if NETWORK.search(path.read_text())]
    assert [path for path in named(opening) if not MAY_OPEN_SOCKETS.match(path)] == []
    assert "platform/kernel/security/egress.py" in named(opening)


CONNECTOR_IMPORT = re.compile(r"^\s*(?:from|import)\s+connectors\.(\w+)", re.MULTILINE)


def test_connectors_know_the_sdk_and_not_each_other() -> None:
    """Not an import contract: those name their modules, and a new connector is one folder more."""
    foreign = [
        f"{path.relative_to(ROOT)} imports connectors.{name}"
        for path in python_files()
        if (parts := path.relative_to(ROOT).parts)[0] == "connectors" and len(parts) > 2
        for name in CONNECTOR_IMPORT.findall(path.read_text())
        if name not in {parts[1], "sdk"}
    ]
    assert foreign == []
    assert {p.relative_to(ROOT).parts[1] for p in python_files() if p.name == "connector.py"} >= {
        "woocommerce", "odoo", "square",
    }, "the search itself is broken"  # fmt: skip


def test_the_import_contracts_hold() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    paths = os.pathsep.join([str(ROOT / "platform"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths}
    found = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout[-3000:]
    assert "0 broken" in found.stdout


def layer(model: type[models.Model]) -> int | None:
    """Height of a model of ours; None for somebody else's, which lies below all."""
    top = model.__module__.split(".")[0]
    return LAYERS.index(top) if top in LAYERS else None


@pytest.mark.parametrize(
    "model",
    [model for model in apps.get_models() if layer(model) is not None],
    ids=lambda model: model._meta.label,
)
def test_relations_point_down(model) -> None:
    for field in model._meta.get_fields():
        if field.is_relation and field.concrete and field.related_model is not None:
            target = layer(field.related_model)
            assert target is None or target <= layer(model), f"{field} points up"


def app_schema(model: type[models.Model]) -> str:
    """Where the model's table lies: public, tenant, or both."""
    name = apps.get_app_config(model._meta.app_label).name
    shared, tenant = name in settings.SHARED_APPS, name in settings.TENANT_APPS
    return "both" if shared and tenant else "tenant" if tenant else "public"


def test_relations_of_models_stay_within_their_schema() -> None:
    crossing = [
        str(field)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.is_relation
        and field.concrete
        and field.related_model is not None
        and app_schema(field.related_model) != app_schema(model)
    ]
    assert crossing == []


def test_every_app_lies_in_a_schema_on_purpose() -> None:
    ours = {config.name for config in apps.get_app_configs() if config.name.split(".")[0] in LAYERS}
    assert ours <= {*settings.SHARED_APPS, *settings.TENANT_APPS}
    both = set(settings.SHARED_APPS) & set(settings.TENANT_APPS)
    assert both == {"kernel.audit"}

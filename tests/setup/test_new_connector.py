"""A new connector's folder: what is left to fill in is told, and filled in it conforms."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hub.runtime.complaint import Complaint
from hub.runtime.home import ROOT
from hub.runtime.new_connector import command

NAME = "papertrail"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what a connector's author changes, beside the rest of the product."""
    left_out = shutil.ignore_patterns("__pycache__", "tests")
    shutil.copytree(ROOT / "connectors", tmp_path / "connectors", ignore=left_out)
    shutil.copytree(ROOT / "tests" / "connectors", tmp_path / "tests" / "connectors")
    for name in ("conftest.py", "__init__.py"):
        shutil.copy(ROOT / "tests" / name, tmp_path / "tests" / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    for name in ("platform", "tenants", "billing"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def make(tree: Path, name: str = NAME) -> Path:
    assert command.main([name, "--title", "Paper Trail", "--category", "erp",
                         "--root", str(tree)]) == 0  # fmt: skip
    return tree / "connectors" / name


def written(here: Path) -> list[Path]:
    """The folder's files, without what Python has compiled of them meanwhile."""
    return [path for path in here.rglob("*.*") if "__pycache__" not in path.parts]


def failing(tree: Path) -> set[str]:
    """Names of the tests that fail, of those the guide tells to run."""
    conformance = [f"tests/connectors/test_{name}.py" for name in ("conformance", "samples")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"connectors/{NAME}", *conformance, "-k", NAME],
        cwd=tree,
        env=os.environ | {"CROSSDOCK_HTTP": "1", "CROSSDOCK_HOME": str(tree / "home")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    counted = re.search(r"(\d+) passed", done.stdout)
    assert counted and int(counted.group(1)) >= 15, done.stdout[-3000:] + done.stderr[-2000:]
    return set(re.findall(r"^FAILED \S+::(\w+)", done.stdout, re.MULTILINE))


@pytest.mark.slow
def test_its_checks_name_the_blanks_and_pass_when_they_are_filled_in(tree: Path) -> None:
    here = make(tree)
    assert failing(tree) == {
        "test_no_blank_is_left",
        "test_a_source_record_becomes_the_expected_records",
        "test_canonical_content_becomes_the_expected_body",
    }
    fill_in(here)
    assert failing(tree) == set()
    assert not [path for path in written(here) if "BLANK" in path.name + path.read_text()]


def test_it_is_one_folder_and_two_lines_in_the_registry(tree: Path) -> None:
    before = (tree / "connectors" / "registry.py").read_text().splitlines()
    folders = {path.name for path in (tree / "connectors").iterdir()}
    here = make(tree)
    assert {path.name for path in (tree / "connectors").iterdir()} - folders == {NAME}
    after = (tree / "connectors" / "registry.py").read_text().splitlines()
    assert [line for line in after if line not in before] == [
        "from connectors.papertrail.connector import Papertrail",
        "    Papertrail,",
    ]
    imports = [line for line in after if line.startswith("from connectors.")]
    assert imports == sorted(imports)
    assert not any("__" + mark in path.read_text() for path in written(here)
                   for mark in ("NAME__", "CLASS__", "TITLE__"))  # fmt: skip


@pytest.mark.parametrize("name", ["Paper", "9lives", "class", "sdk", "a-b", "woocommerce"])
def test_a_name_that_cannot_be_one_is_refused_and_nothing_is_written(tree: Path, name: str) -> None:
    before = (tree / "connectors" / "registry.py").read_text()
    with pytest.raises(Complaint):
        make(tree, name)
    assert (tree / "connectors" / "registry.py").read_text() == before


def test_what_is_there_is_never_written_over(tree: Path) -> None:
    here = make(tree)
    (here / "connector.py").write_text("mine")
    with pytest.raises(Complaint, match="there already"):
        make(tree)
    assert (here / "connector.py").read_text() == "mine"


# ------------------------------------------------------------------ the guide, followed literally


def fill_in(here: Path) -> None:
    """As docs/connectors.md tells, for a system that differs a little from the template's."""
    _samples(here)
    _mappings(here)
    _words(here)
    _code(here)
    (here / "tests" / "test_blanks.py").unlink()


def _samples(here: Path) -> None:
    for old, new in (("products.BLANK", "products.cup"), ("order.order.BLANK", "order.order.web")):
        for path in sorted((here / "samples").glob(old + ".*")):
            path.rename(path.with_name(path.name.replace(old, new)))
    cup = {"id": 7, "label": "Cup", "changed_at": "2026-03-01T08:00:00Z",
           "variants": [{"code": "CUP-1"}]}  # fmt: skip
    product = {"entity": "product", "object": "product", "external_id": "7",
               "keys": {"sku": ["CUP-1"]},
               "content": {"title": "Cup", "variants": [{"sku": "CUP-1"}]}}  # fmt: skip
    order = {"reference": "xd-1", "number": "1001", "lines": [{"code": "CUP-1", "quantity": "2"}]}
    _write(here / "samples" / "products.cup.json", cup)
    _write(here / "samples" / "products.cup.canonical.json", [product])
    _write(here / "samples" / "order.order.web.target.json", order)


def _mappings(here: Path) -> None:
    _change(here / "mappings" / "products.product.json", {
        '{"sku": "BLANK"},': '{"sku": "variants[*].code"},',
        '"title": "BLANK"': '"title": "label"',
        '"sku": "BLANK"': '"sku": "code"',
    })  # fmt: skip
    _change(here / "mappings" / "order.order.json", {
        '"number": "BLANK"': '"number": "number"',
        '"code": "BLANK"': '"code": "sku"',
        '"quantity": "BLANK"': '"quantity": "qty"',
    })  # fmt: skip


def _words(here: Path) -> None:
    """Each blank of the prose becomes a sentence; comments about blanks go."""
    said = "Settings, Keys, New key; or what the browser shows: https://acme.papertrail.example"
    for path in (here / "README.md", here / "connector.toml"):
        text = re.sub(r"(?m)^# BLANK:.*\n", "", path.read_text())
        text = text.replace('"BLANK."', '"Products out of Paper Trail, orders into it."')
        text = re.sub(r" ?BLANK: what the system bears.*", "", text)
        path.write_text(re.sub(r"BLANK: [^\"\n]*", said + ".", text))


def _code(here: Path) -> None:
    """The key goes into a header of its own, and a page is asked for in other words."""
    for path in here.rglob("*.py"):
        if path.name != "test_blanks.py":
            text = re.sub(r"(?m)^\s*# BLANK:.*\n", "", path.read_text())
            path.write_text(re.sub(r" BLANK: .*?(?=\"\"\"|$)", "", text, flags=re.MULTILINE))
    _change(here / "api.py", {'"Authorization": f"Bearer {key}"': '"X-Api-Key": key'})
    _change(here / "connector.py", {"changed_after=": "since=", "after_id=": "beyond="})
    _change(here / "simulator" / "app.py", {
        'get("Authorization") != f"Bearer {KEY}"': 'get("X-Api-Key") != KEY',
        '"changed_after"': '"since"',
        '"after_id"': '"beyond"',
    })  # fmt: skip


def _write(path: Path, found: Any) -> None:
    path.write_text(json.dumps(found, indent=2) + "\n")


def _change(path: Path, changes: dict[str, str]) -> None:
    text = path.read_text()
    for old, new in changes.items():
        assert old in text, f"{path.name}: {old}"
        text = text.replace(old, new, 1)
    path.write_text(text)

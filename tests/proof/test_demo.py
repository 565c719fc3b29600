"""The demo as a stranger runs it, on one trading day: real processes, real faults, one verdict."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hub.runtime.home import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("installation")]

DAY = "2011-08-15"
PORT = 18_600


def demo(home: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    """Exit status, the JSON of the last line, and what was said on the way."""
    environ = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    argv = (sys.executable, str(ROOT / "manage.py"), "demo", "--once", "--json", "--home",
            str(home), "--port", str(PORT), "--only", DAY, "--pace", "12", *options)  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=1500, env=environ,
                          cwd=ROOT, check=False)  # fmt: skip
    lines = done.stdout.strip().splitlines()
    assert lines, done.stderr[-3000:]
    return done.returncode, json.loads(lines[-1]), done.stderr


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, dict[str, Any], str]:
    home = tmp_path_factory.mktemp("demo home")
    return home, *demo(home)


def test_a_day_of_a_shop_and_eighteen_stores_is_in_the_erp_once_and_to_the_cent(
    played: tuple[Path, int, dict[str, Any], str],
) -> None:
    _, status, result, said = played
    assert result["wrong"] == [], said[-2000:]
    assert status == 0 and result["good"]
    assert (result["lost"], result["doubled"], result["cents_off"]) == (0, 0, 0)
    assert result["stock_wrong"] == 0
    sales = result["counted"]["counts"]["erp"]["sales"]
    assert sales["expected"] == sales["right"] == 134


def test_every_fault_of_the_story_has_bitten(
    played: tuple[Path, int, dict[str, Any], str],
) -> None:
    evidence = played[2]["evidence"]
    assert evidence["erp_hung_up_after_effect"] and evidence["erp_refused_while_down"]
    assert evidence["worker_killed"]["next_pid"] != evidence["worker_killed"]["pid"]
    assert evidence["redis_flushed"]["flushed"]


@pytest.mark.parametrize("kind", ["lose", "double", "cent", "stock"])
def test_damage_done_on_purpose_is_found_by_the_counter(
    played: tuple[Path, int, dict[str, Any], str], kind: str, tmp_path: Path
) -> None:
    """On a copy of the home that was played: the next start recovers it, one thing is damaged."""
    home = tmp_path / "home"
    subprocess.run(["cp", "-a", str(played[0]), str(home)], check=True)
    status, result, _ = demo(home, "--sabotage", kind)
    assert status == 1 and not result["good"]
    harm = {"lose": "lost", "double": "doubled", "cent": "cents_off", "stock": "stock_wrong"}
    assert result[harm[kind]] == 1, result["counted"]["ids"]

"""What the command line takes, and to whom it goes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub.runtime.commands import take_home
from hub.runtime.home import ROOT, Home


def command(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=kept | {"CROSSDOCK_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("given", "rest", "home"),
    [
        (["apply", "a.toml"], ["apply", "a.toml"], ""),
        (["apply", "--home", "/x y", "a.toml"], ["apply", "a.toml"], "/x y"),
        (["apply", "a.toml", "--home=/x"], ["apply", "a.toml"], "/x"),
        (["apply", "--home"], ["apply"], ""),
    ],
)
def test_a_home_may_be_named_to_any_command(given: list[str], rest: list[str], home: str) -> None:
    assert take_home(given) == (rest, home)


def test_a_command_that_needs_no_database_starts_none(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    done = command("check", home=home.path)
    assert done.returncode == 0, done.stderr
    assert (not home.run.exists() and not home.postgres.exists()) or not any(
        home.postgres.iterdir()
    )


def test_lint_names_the_checks_there_are(tmp_path: Path) -> None:
    done = command("lint", "tidiness", home=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("No such check: tidiness. There are: ruff check,")


@pytest.mark.slow
def test_the_suite_gets_servers_of_its_own_and_keeps_its_verdict(tmp_path: Path) -> None:
    suite = tmp_path / "test_verdict.py"
    suite.write_text(
        "import os, psycopg, redis\n"
        "def test_servers():\n"
        "    with psycopg.connect(os.environ['DATABASE_URL']) as connection:\n"
        "        connection.execute('SELECT 1')\n"
        "    redis.Redis.from_url(os.environ['REDIS_URL']).ping()\n"
        "    assert os.environ['CROSSDOCK_HOME'].endswith('/test')\n"
        "def test_verdict():\n"
        "    assert os.environ.get('VERDICT') == 'good'\n"
    )
    options = ("test", str(suite), "-n", "0", "-p", "no:cacheprovider", "-m", "not slow")
    bad = command(*options, home=tmp_path / "home")
    assert bad.returncode == 1, bad.stdout + bad.stderr
    assert "1 failed, 1 passed" in bad.stdout
    assert not Home(tmp_path / "home" / "test").running()

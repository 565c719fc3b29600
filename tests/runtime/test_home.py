"""The folder that holds everything: private, locked, and honest about what it can't do."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.runtime.account import unprivileged
from hub.runtime.complaint import Complaint
from hub.runtime.home import FOLDERS, ROOT, Home, resolve

HOLD = """
import sys
from pathlib import Path
from hub.runtime.home import Home
with Home(Path(sys.argv[1])).lock():
    sys.stdout.write("held\\n")
    sys.stdin.read()
"""


def test_everything_in_a_new_home_is_private(tmp_path: Path) -> None:
    home = Home(tmp_path / "new" / "home").prepare()
    home.key("vault.key")
    for path in (home.path, *(home.path / name for name in FOLDERS), home.keys / "vault.key"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Home(tmp_path).prepare()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_key_is_made_once_and_kept(home: Home, clean_environ: None) -> None:
    key = home.key("vault.key")
    assert len(key) == 32
    assert Home(home.path).key("vault.key") == key
    assert home.key("secret_key") != key


def test_keys_from_the_environment_go_first(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSDOCK_VAULT_KEY", base64.b64encode(b"k" * 32).decode())
    monkeypatch.setenv("CROSSDOCK_SECRET_KEY", "any words")
    assert home.key("vault.key") == b"k" * 32
    assert home.key("secret_key") == b"any words"
    assert not list(home.keys.iterdir())


def test_a_damaged_key_is_never_replaced(home: Home, clean_environ: None) -> None:
    (home.keys / "vault.key").write_text("c2hvcnQ=")
    with pytest.raises(Complaint, match=r"does not hold a key.*restore the key"):
        home.key("vault.key")
    assert (home.keys / "vault.key").read_text() == "c2hvcnQ="


def test_a_second_instance_is_told_who_is_there(
    home: Home, script: Callable[..., subprocess.Popen[str]]
) -> None:
    first = script(HOLD, str(home.path), stdin=subprocess.PIPE)
    assert first.stdout and first.stdin
    assert first.stdout.readline() == "held\n"
    assert home.running()
    with pytest.raises(Complaint, match=rf"Another Crossdock \(process {first.pid}\).*--home"):
        home.lock().__enter__()

    first.kill()
    first.wait()
    assert not home.running()
    with home.lock():
        assert home.holder() == str(os.getpid())


def test_asking_who_runs_does_not_keep_anybody_from_starting(home: Home) -> None:
    over = threading.Event()

    def curious() -> None:
        while not over.is_set():
            home.running()

    asking = [threading.Thread(target=curious) for _ in range(3)]
    for thread in asking:
        thread.start()
    try:
        for _ in range(30):
            with home.lock():
                assert home.running()
    finally:
        over.set()


def test_addresses_count_only_while_somebody_runs(home: Home, clean_environ: None) -> None:
    with home.lock():
        home.publish({"database_url": "postgresql://here", "redis_url": "unix:///there"})
        assert home.urls() == ("postgresql://here", "unix:///there")
    assert home.urls() == ("", "")


def test_the_environment_names_the_servers_first(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere")
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert home.urls() == ("postgresql://elsewhere", "")


def test_which_home_is_meant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CROSSDOCK_HOME", raising=False)
    assert resolve().path == ROOT / "var"
    monkeypatch.setenv("CROSSDOCK_HOME", str(tmp_path / "b"))
    assert resolve().path == tmp_path / "b"
    assert resolve(str(tmp_path / "a")).path == tmp_path / "a"


def test_a_home_in_a_file_s_place_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Complaint, match=r"Cannot write to .*file.*--home DIR") as caught:
        Home(tmp_path / "file" / "home").prepare()
    assert "\n" not in str(caught.value)


def test_a_place_one_may_not_write_to_is_refused_in_one_line() -> None:
    """As the account without rights when we are root, who may write anywhere."""
    account = unprivileged()
    source = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "from hub.runtime.home import Home\n"
        "from hub.runtime.complaint import Complaint\n"
        "def drop():\n"
        "    import os\n"
        "    if sys.argv[2] != 'None': os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[2]))\n"
        "drop()\n"
        "try: Home(Path('/usr/crossdock')).prepare()\n"
        "except Complaint as complaint: sys.stdout.write(str(complaint))\n"
    )
    ids = (str(account.user), str(account.group))
    done = subprocess.run(
        [sys.executable, "-c", source, str(ROOT / "platform"), *ids],
        capture_output=True,
        text=True,
    )
    assert done.stdout == (
        "Cannot write to /usr/crossdock. "
        "Make it writable for this user, or name another folder with --home DIR."
    ), done.stderr

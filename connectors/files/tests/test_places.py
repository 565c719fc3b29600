"""The same files in a folder, on an SFTP server and in object storage: real clients, real wires."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import paramiko  # type: ignore[import-untyped]
import pytest

from connectors.files.connector import Files
from connectors.files.simulator import objects, sftp
from connectors.files.simulator.sftp import FileServer
from connectors.files.tests.conftest import SALES, Connect, polled, records, sales_file
from connectors.sdk.errors import AccessRefused, ConnectorError, Unavailable
from connectors.sdk.files.folder import FolderPlace
from connectors.sdk.files.settings import open_place
from connectors.sdk.records import Json
from connectors.sdk.testing.plain_http import PlainHttp
from connectors.sdk.testing.simulators import Running, running

ONE = sales_file("17;08.08.2024;09:15;Kerze;2;3,90")
TWO = sales_file("18;08.08.2024;09:15;Tasse;2;3,90")


@pytest.fixture(scope="module")
def store() -> Iterator[Running]:
    with running(objects.build) as simulator:
        yield simulator


def bucket(store: Running, name: str, **more: object) -> Json:
    return {"place": "s3", "endpoint": store.url, "bucket": name, "path": "shop", **more}


KEYS = {"access_key": objects.ACCESS_KEY, "secret_key": objects.SECRET_KEY}


def server(running: FileServer, **more: object) -> Json:
    return {
        "place": "sftp", "host": "127.0.0.1", "port": running.port, "user": sftp.USER,
        "host_key": running.host_key_line, **more,
    }  # fmt: skip


PASSWORD = {"password": sftp.PASSWORD}


# ------------------------------------------------------------------ SFTP


def test_files_come_from_an_sftp_server_and_are_archived_there(
    connect: Connect, tmp_path: Path
) -> None:
    out = tmp_path / "served/S01/out"
    out.mkdir(parents=True)
    (out / "sales-1.csv").write_bytes(ONE)
    (out / ".sales-2.csv").write_bytes(b"half")
    (out / "sales-3.csv.part").write_bytes(b"half")
    (out / "sales-4.csv").symlink_to("/etc/passwd")
    with sftp.serving(tmp_path / "served") as running:
        stream = SALES | {"files": "*/out/sales-*.csv"}
        files = connect(stream, secrets=PASSWORD, **server(running))
        assert all(line.ok for line in files.check()), files.check()
        pages = polled(files, "sales")
        assert [h.headers["file"] for h in records(pages, "sales")] == ["S01/out/sales-1.csv"]
        assert (out / "archive/sales-1.csv").read_bytes() == ONE
        assert not (out / "sales-1.csv").exists()
        assert polled(files, "sales", pages[-1].cursor) == []
        assert len(running.connections) == 1, "one connection serves all of it"


def test_a_server_with_another_key_than_agreed_gets_nothing(
    connect: Connect, tmp_path: Path
) -> None:
    other = paramiko.ECDSAKey.generate()
    with sftp.serving(tmp_path) as running:
        for agreed, why in (
            ("SHA256:AAAA", "agreed was SHA256:AAAA"),
            (f"{other.get_name()} {other.get_base64()}", "agreed was ecdsa"),
        ):
            settings = server(running, host_key=agreed)
            files = connect(SALES, secrets=PASSWORD, **settings)
            with pytest.raises(AccessRefused, match=why) as refused:
                polled(files, "sales")
            assert refused.value.code == "host-key"
        shown = str(refused.value).split("SHA256:")[1].split(",")[0]
        files = connect(SALES, secrets=PASSWORD, **server(running, host_key=f"SHA256:{shown}"))
        assert polled(files, "sales") == []


def test_signing_in_with_a_key_or_not_at_all(connect: Connect, tmp_path: Path) -> None:
    mine = paramiko.ECDSAKey.generate()
    text = io.StringIO()
    mine.write_private_key(text)
    with sftp.serving(tmp_path, allowed=mine) as running:
        good = connect(SALES, secrets={"private_key": text.getvalue()}, **server(running))
        assert polled(good, "sales") == []
        for secrets in (PASSWORD, {"password": "wrong"}, {}):
            with pytest.raises(AccessRefused) as refused:
                polled(connect(SALES, secrets=secrets, **server(running)), "sales")
            assert refused.value.code == "revoked"
        with pytest.raises(AccessRefused, match="private key can't be read"):
            polled(connect(SALES, secrets={"private_key": "x"}, **server(running)), "sales")


def test_a_server_that_hangs_up_is_an_outage_and_nothing_is_lost(
    connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "sales-1.csv").write_bytes(ONE)
    with sftp.serving(tmp_path) as running:
        files = connect(SALES, secrets=PASSWORD, **server(running))
        assert files.check()[0].ok
        running.connections[0].close()
        with pytest.raises(Unavailable):
            polled(files, "sales")
        again = connect(SALES, secrets=PASSWORD, **server(running))
        assert len(records(polled(again, "sales"), "sales")) == 1


def test_a_server_without_the_replacing_rename_takes_files_too(tmp_path: Path) -> None:
    with sftp.serving(tmp_path, posix=False) as running:
        place = open_place(server(running, path=""), PASSWORD, PlainHttp())
        place.give("in/a.csv", b"one")
        place.give("in/a.csv", b"two")
        assert [p.name for p in (tmp_path / "in").iterdir()] == ["a.csv"]
        assert (tmp_path / "in/a.csv").read_bytes() == b"two"


def test_a_web_server_is_no_file_server(connect: Connect, store: Running) -> None:
    port = int(store.url.rpartition(":")[2])
    settings = {"place": "sftp", "host": "127.0.0.1", "port": port, "user": "x", "host_key": "x"}
    with pytest.raises(Unavailable, match="not as an SFTP server"):
        polled(connect(SALES, secrets=PASSWORD, **settings), "sales")


# ------------------------------------------------------------------ object storage


def test_files_come_from_object_storage_and_are_archived_there(
    connect: Connect, store: Running
) -> None:
    settings = bucket(store, "sales")
    place = open_place(settings, KEYS, PlainHttp())
    for number in range(5):
        place.give(f"out/sales-{number}.csv", ONE if number % 2 else TWO)
    place.give("out/notes.txt", b"not mine")
    files = connect(SALES | {"files": "out/sales-*.csv"}, secrets=KEYS, **settings)
    assert all(line.ok for line in files.check()), files.check()
    heard = records(polled(files, "sales"), "sales")
    assert len(heard) == 5 and len({h.identity for h in heard}) == 2
    assert [e.name for e in place.find("out/*", 9)] == ["out/notes.txt"]
    assert len(place.find("out/archive/*", 9)) == 5


def test_a_large_object_is_read_in_pieces(store: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sdk.files.objects.PIECE", 1000)
    place = open_place(bucket(store, "large"), KEYS, PlainHttp())
    content = os.urandom(3_500)
    place.give("a b/ümlaut+.bin", content)
    (entry,) = place.find("a b/*", 5)
    assert entry.size == 3_500 and place.read(entry, 10_000) == content
    assert place.read(entry, 1_200) == content[:1_201]
    place.remove("a b/ümlaut+.bin")
    assert place.entry("a b/ümlaut+.bin") is None and place.find("nothing/*", 5) == []


@pytest.mark.parametrize("secrets", [KEYS | {"secret_key": "x"}, KEYS | {"access_key": "x"}, {}])
def test_wrong_keys_are_refused_and_no_others_are_looked_for(
    connect: Connect, store: Running, monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str]
) -> None:
    """Working credentials in the environment must not help: they are another's."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", objects.ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", objects.SECRET_KEY)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    files = connect(SALES, secrets=secrets, **bucket(store, "keys"))
    with pytest.raises(AccessRefused):
        polled(files, "sales")


def test_the_environment_does_not_disturb_working_keys(
    connect: Connect, store: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("AWS_ACCESS_KEY_ID", "x"), ("AWS_PROFILE", "nobody"),
                        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), ("AWS_REGION", "mars"),
                        ("http_proxy", "http://127.0.0.1:9")):  # fmt: skip
        monkeypatch.setenv(name, value)
    assert polled(connect(SALES, secrets=KEYS, **bucket(store, "quiet")), "sales") == []


@pytest.mark.parametrize(
    ("kind", "error"),
    [("down", Unavailable), ("unplugged", ConnectorError), ("drop_after_effect", ConnectorError)],
)
def test_a_store_that_fails_is_asked_once_and_told(
    connect: Connect, store: Running, kind: str, error: type[ConnectorError]
) -> None:
    http = PlainHttp()
    files = connect(SALES, secrets=KEYS, http=http, **bucket(store, "down"))
    store.control("faults", {"kind": kind, "match": "/down", "count": 1})
    with pytest.raises(error):
        polled(files, "sales")
    assert len(http.calls) == 1, "tries are the hub's to decide"


def test_a_bucket_that_is_not_there_is_told(connect: Connect, store: Running) -> None:
    files = connect(SALES, secrets=KEYS, **bucket(store, objects.NO_BUCKET))
    with pytest.raises(AccessRefused, match="no such bucket"):
        polled(files, "sales")


def test_a_path_that_is_not_there_is_told(connect: Connect, tmp_path: Path) -> None:
    with sftp.serving(tmp_path) as running:
        files = connect(SALES, secrets=PASSWORD, **server(running, path="/exports"))
        with pytest.raises(Unavailable, match="The folder /exports is not there"):
            polled(files, "sales")
        (tmp_path / "exports").mkdir()
        lines = connect(
            SALES | {"files": "out/*.csv"}, secrets=PASSWORD, **server(running, path="/exports")
        ).check()
        assert [line.move for line in lines if not line.ok] == [
            "The folder out is not there: make it, or correct the pattern."
        ]


# ------------------------------------------------------------------ folders


def test_half_a_file_is_fetched_once_until_it_changes(
    connect: Connect, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = []
    reading = FolderPlace._read

    def counted(self: FolderPlace, path: str, size: int, most: int) -> bytes:
        fetched.append(path)
        return reading(self, path, size, most)

    monkeypatch.setattr(FolderPlace, "_read", counted)
    files = connect(SALES)
    (root / "sales-1.csv").write_bytes(ONE[:-12])
    cursor: Json = {}
    for _ in range(3):
        for page in polled(files, "sales", cursor):
            cursor = page.cursor
    assert len(fetched) == 1
    (root / "sales-1.csv").write_bytes(ONE)
    assert len(records(polled(files, "sales", cursor), "sales")) == 1


def test_links_and_ways_out_of_the_folder_are_refused(connect: Connect, root: Path) -> None:
    secret = root.parent / "secret"
    secret.mkdir()
    (secret / "sales-1.csv").write_bytes(ONE)
    (root / "out").symlink_to(secret)
    (root / "sales-2.csv").symlink_to(secret / "sales-1.csv")
    files = connect(SALES)
    assert records(polled(files, "sales"), "sales") == []
    assert polled(connect(SALES | {"files": "*/sales-*.csv"}), "sales") == []
    with pytest.raises(AccessRefused, match="through a link"):
        polled(connect(SALES | {"files": "out/sales-*.csv"}), "sales")
    with pytest.raises(AccessRefused, match="leads out"):
        files.archive(["../secret/sales-1.csv"])
    assert (secret / "sales-1.csv").exists()


def test_a_growing_file_is_left_until_it_is_quiet(connect: Connect, root: Path) -> None:
    quiet = connect(SALES, settle=3600)
    (root / "sales-1.csv").write_bytes(ONE)
    (first,) = polled(quiet, "sales")
    assert first.heard == () and list(first.cursor["watch"]) == ["sales-1.csv"]
    size, changed, since = first.cursor["watch"]["sales-1.csv"]
    assert polled(quiet, "sales", first.cursor) == []
    long_ago = {"watch": {"sales-1.csv": [size, changed, since - 3601]}}
    (root / "sales-1.csv").write_bytes(ONE + TWO)
    (grown,) = polled(quiet, "sales", long_ago)
    assert grown.heard == (), "it grew meanwhile: its rest begins anew"
    size, changed, since = grown.cursor["watch"]["sales-1.csv"]
    later = {"watch": {"sales-1.csv": [size, changed, since - 3601]}}
    assert len(records(polled(quiet, "sales", later), "sales")) >= 1


@pytest.mark.parametrize("marker", ["sales-1.csv.done", "sales-1.done"])
def test_a_marker_announces_a_file_and_goes_with_it(
    connect: Connect, root: Path, marker: str
) -> None:
    files = connect(SALES, marker=".done")
    (root / "sales-1.csv").write_bytes(ONE)
    assert records(polled(files, "sales"), "sales") == []
    (root / marker).touch()
    assert len(records(polled(files, "sales"), "sales")) == 1
    assert sorted(p.name for p in (root / "archive").iterdir()) == sorted(["sales-1.csv", marker])


def test_a_folder_that_is_not_mounted_is_an_outage(connect: Connect, root: Path) -> None:
    root.rmdir()
    with pytest.raises(Unavailable, match="mount the share"):
        polled(connect(SALES), "sales")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_we_may_not_write_in_says_so(connect: Connect, root: Path) -> None:
    (root / "sales-1.csv").write_bytes(ONE)
    root.chmod(0o555)
    try:
        assert not all(line.ok for line in connect(SALES).check())
        with pytest.raises(AccessRefused, match="rename"):
            polled(connect(SALES), "sales")
    finally:
        root.chmod(0o755)


def test_two_connections_to_one_place_are_known_as_such(connect: Connect, root: Path) -> None:
    assert connect(SALES).account() == connect(SALES | {"name": "other"}).account()
    assert connect(SALES).account() != connect(SALES, folder=str(root.parent)).account()


def test_it_is_the_files_connector(connect: Connect) -> None:
    manifest = Files.manifest_for(connect(SALES).config)
    assert [s.name for s in manifest.streams] == ["sales", "file"]
    assert manifest.stream("sales").file and manifest.stream("sales").produces == ["sale"]

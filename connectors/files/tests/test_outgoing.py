"""Files for others to take: whole, once, in order, in the form they ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from connectors.files.connector import Files
from connectors.files.profile import resources_of
from connectors.files.simulator import objects
from connectors.files.tests.conftest import Connect
from connectors.sdk.errors import Rejected, Unavailable
from connectors.sdk.files.folder import FolderPlace
from connectors.sdk.records import Done, Json, WriteItem
from connectors.sdk.testing.simulators import running

PRICES: Json = {
    "name": "prices", "entity": "price", "files": "in/{resource}-{number}-{hash}.csv",
    "format": "csv", "delimiter": ";", "decimal": ",", "key": "sku", "ending": "crlf",
    "encoding": "cp1252",
    "columns": [
        {"name": "sku", "required": True},
        {"name": "text"},
        {"name": "price", "type": "decimal", "places": 2, "required": True},
    ],
}  # fmt: skip
ORDERS: Json = {
    "name": "orders", "entity": "order", "files": "out/order-{date}-{hash}.json", "format": "json",
}  # fmt: skip


def item(body: Json, key: str = "k", op: str = "create") -> WriteItem:
    return WriteItem(ref="xd-1", key=key, op=op, body=body)  # type: ignore[arg-type]


def price(sku: str, amount: str, text: str = "Müsli; 1 kg") -> WriteItem:
    return item({"sku": sku, "text": text, "price": amount})


def written(files: Files, resource: str, *items: WriteItem) -> list[Any]:
    return files.write_batch(resource, items)


def content(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("[!.]*"))]


def test_prices_go_out_many_in_a_file(connect: Connect, root: Path) -> None:
    files = connect(resources=[PRICES])
    done = written(files, "prices", price("A1", "3.9"), price("A2", "1200"), price("A3", "x"))
    assert [getattr(one, "external_id", "") for one in done] == ["A1", "A2", ""]
    assert isinstance(done[2], Rejected) and "'price' is no number" in str(done[2])
    (one,) = content(root / "in")
    assert one.decode("cp1252") == (
        'sku;text;price\r\nA1;"Müsli; 1 kg";3,90\r\nA2;"Müsli; 1 kg";1200,00\r\n'
    )


def test_the_same_prices_twice_are_one_file_and_an_old_price_comes_back(
    connect: Connect, root: Path
) -> None:
    files = connect(resources=[PRICES])
    for amount in ("3.90", "3.90", "4.90", "3.90"):
        written(files, "prices", price("A1", amount))
    found = [raw.split(b";")[-1].strip() for raw in content(root / "in")]
    assert found == [b"3,90", b"4,90", b"3,90"], "in the order of their names"


def test_an_order_is_given_once_although_its_reader_took_it(connect: Connect, root: Path) -> None:
    files = connect(resources=[ORDERS])
    first = written(files, "orders", item({"number": "17"}, "k17"))
    (taken,) = (root / "out").glob("order-*.json")
    assert json.loads(taken.read_bytes()) == [{"number": "17"}]
    taken.unlink()
    again = written(connect(resources=[ORDERS]), "orders", item({"number": "17"}, "k17"))
    assert first == again == [Done("xd-1")]
    assert list((root / "out").glob("order-*.json")) == []
    written(files, "orders", item({"number": "17"}, "k18"))
    assert len(list((root / "out").glob("order-*.json"))) == 1, "another send is another file"


def test_every_order_has_a_file_of_its_own(connect: Connect, root: Path) -> None:
    files = connect(resources=[ORDERS])
    written(files, "orders", item({"number": "17"}, "a"), item({"number": "18"}, "b"))
    assert len(list((root / "out").glob("order-*.json"))) == 2
    assert Files.manifest_for(files.config).resource("orders").batch == 1


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_a_crash_between_any_two_steps_gives_it_once(
    connect: Connect, root: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """The disk fails at its n-th renaming; the next try ends with one whole file."""
    count = 0
    renaming = FolderPlace._move

    def failing(self: FolderPlace, source: str, target: str) -> None:
        nonlocal count
        count += 1
        if count == step:
            raise OSError("no space left on device")
        renaming(self, source, target)

    monkeypatch.setattr(FolderPlace, "_move", failing)
    with pytest.raises(Unavailable):
        written(connect(resources=[ORDERS]), "orders", item({"number": "17"}))
    monkeypatch.setattr(FolderPlace, "_move", renaming)
    written(connect(resources=[ORDERS]), "orders", item({"number": "17"}))
    found = list((root / "out").glob("order-*.json"))
    assert [json.loads(path.read_bytes()) for path in found] == [[{"number": "17"}]]


def test_object_storage_takes_files_too(connect: Connect) -> None:
    with running(objects.build) as store:
        keys = {"access_key": objects.ACCESS_KEY, "secret_key": objects.SECRET_KEY}
        settings = {"place": "s3", "endpoint": store.url, "bucket": "b"}
        for _ in range(2):
            files = connect(resources=[PRICES, ORDERS], secrets=keys, **settings)
            written(files, "orders", item({"number": "17"}))
            written(files, "prices", price("A1", "3.90"))
        place = files._place()
        assert len(place.find("out/*", 9)) == 1 and len(place.find("in/*", 9)) == 1


def test_lines_of_a_document_in_a_fixed_width_file(connect: Connect, root: Path) -> None:
    resource: Json = {
        "name": "despatch", "entity": "fulfilment", "files": "in/{hash}.txt", "format": "fixed",
        "each": "lines",
        "columns": [
            {"name": "number", "at": 1, "length": 6, "align": "right", "pad": "0"},
            {"name": "sku", "at": 8, "length": 8},
            {"name": "qty", "at": 16, "length": 5, "type": "integer", "align": "right"},
            {"name": "price", "at": 21, "length": 8, "type": "decimal", "places": 2,
             "align": "right", "pad": "0"},
            {"name": "on", "from": "when.day", "at": 29, "length": 8, "type": "date",
             "format": "%d%m%Y"},
        ],
    }  # fmt: skip
    files = connect(resources=[resource])
    lines = [
        {"sku": "A1", "qty": "2", "price": "3.9"},
        {"sku": "LONGER-THAN-8", "qty": 1, "price": "-1"},
    ]
    body = {"number": "17", "when": {"day": "2024-08-08"}, "lines": lines}
    assert written(files, "despatch", item(body)) == [Done("xd-1")]
    (raw,) = content(root / "in")
    assert raw.decode().splitlines() == [
        "000017 A1          20000039008082024",
        "000017 LONGER-T    1-000010008082024",
    ]
    wide = body | {"lines": [{"sku": "A1", "qty": "123456", "price": "1"}]}
    (refused,) = written(files, "despatch", item(wide, "other"))
    assert isinstance(refused, Rejected) and "needs 6 places and has 5" in str(refused)


def test_xml_in_the_readers_words(connect: Connect, root: Path) -> None:
    resource = ORDERS | {"format": "xml", "files": "out/{hash}.xml", "root": "Orders",
                         "record": "Order", "encoding": "iso-8859-1"}  # fmt: skip
    body = {"@id": 17, "Kunde": {"Name": "Müller & Söhne"}, "Zeile": [{"sku": "A"}, {"sku": "B"}]}
    written(connect(resources=[resource]), "orders", item(body))
    (raw,) = content(root / "out")
    order = ElementTree.fromstring(raw)[0]
    assert order.get("id") == "17" and order.findtext("Kunde/Name") == "Müller & Söhne"
    assert [line.findtext("sku") for line in order.findall("Zeile")] == ["A", "B"]
    assert b"iso-8859-1" in raw.splitlines()[0] and "ü".encode("latin-1") in raw


def test_what_is_wrong_with_the_settings_is_said_before_anything_runs() -> None:
    def said(**config: Any) -> str:
        whole = {"place": "folder", "folder": "/x", "archive": "archive", **config}
        return " ".join(f"{name}: {why}" for name, why in Files.config_problems(whole))

    assert "Nothing is read and nothing is written" in said()
    assert "place: 'ftp' is no kind of place" in said(place="ftp")
    assert "host_key: A place of the kind sftp needs it" in said(place="sftp", host="h", user="u")
    assert "streams: Object contains unknown field `fils`" in said(streams=[{"fils": "x"}])
    stream = {"name": "s", "files": "*.csv", "format": "csv", "entities": [], "key": ["a"]}
    assert said(streams=[stream]) == ""
    assert "another stream reads" in said(streams=[stream, stream | {"name": "t"}])
    for change, why in (
        ({"files": "../*.csv"}, "leads out"),
        ({"zone": "Mars"}, "no time zone"),
        ({"encoding": "klingon"}, "none of auto"),
        ({"key": []}, "which columns identify"),
        ({"format": "fixed"}, "name its columns"),
        ({"columns": [{"name": "b"}]}, "'a' is none of its columns"),
        ({"name": "file"}, "no name of its own"),
        ({"delimiter": ";;"}, "delimiter is one letter"),
    ):
        assert why in said(streams=[stream | change])
    assert "archive: 'a/b' is no name" in said(streams=[stream], archive="a/b")
    for change, why in (
        ({"files": "in/x.csv"}, "needs {hash}"),
        ({"files": "in/{hash}{what}.csv"}, "knows {hash}"),
        ({"columns": []}, "name its columns"),
    ):
        assert why in said(resources=[PRICES | change])
    assert len(resources_of({"resources": [PRICES]})) == 1

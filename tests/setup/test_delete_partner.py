"""A partner leaves: what is owed is delivered or told, it gets everything it has, then it goes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django.utils import timezone

from connectors.sdk.records import Heard, SourceRecord
from hub.connections.models import Connection
from hub.leaving import archive
from hub.sync.front_door import Endpoints
from hub.sync.receive import receive, receive_reread
from kernel.audit.models import AuditEntry
from kernel.audit.verify import verify
from tenants.context import partner_context, public_context
from tenants.partners import departure, lifecycle
from tenants.partners import selectors as partners
from tenants.partners.models import Departure, Domain, Partner, SchemaName
from tenants.people.models import Membership
from tests.apply.conftest import OUTSIDE, Apply

pytestmark = pytest.mark.django_db(transaction=True)
SAMPLE = Path(__file__).parents[2] / "connectors/odoo/samples/products.goods.json"


@pytest.fixture
def northwind(apply: Apply, tmp_path: Path) -> Partner:
    """The manual's partner, with a price that the tills don't know yet and a broken journal."""
    apply()
    (tmp_path / "tills" / "S01" / "in").mkdir(parents=True)
    (tmp_path / "tills" / "S01" / "out").mkdir()
    partner = partners.partner_by_slug("northwind")
    with partner_context(partner):
        product = SourceRecord("products", "1", json.loads(SAMPLE.read_text()))
        receive_reread(Connection.objects.get(slug="erp").pk, [product], datetime.now(UTC))
        tills = Connection.objects.get(slug="tills")
        receive(tills.pk, [Heard("journal", "half", b"H;INCOMPLETE;S01.csv;12\n")])
    return partner


@pytest.fixture(autouse=True)
def _sweep_up(_schemas: None) -> Iterator[None]:
    """What a transactional story renamed stays behind for nobody."""
    yield
    for name in schemas():
        if name.startswith("gone_"):
            with connection.cursor() as cursor:
                cursor.execute(f'DROP SCHEMA "{name}" CASCADE')


def leave(tmp_path: Path, *options: str, confirm: str = "northwind") -> str:
    out = io.StringIO()
    folder = str(tmp_path / "archives")
    call_command("delete_partner", "northwind", "--confirm", confirm, "--wait", "0",
                 "--archive-to", folder, *options, stdout=out)  # fmt: skip
    return out.getvalue()


def schemas() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace")
        return {row[0] for row in cursor.fetchall()}


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as folder:
        return {name: folder.read(name) for name in folder.namelist()}


def lines(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in body.splitlines()]


def test_what_is_owed_is_delivered_and_what_cannot_be_is_told(
    northwind: Partner, tmp_path: Path
) -> None:
    said = leave(tmp_path)
    given = [f.read_text() for f in (tmp_path / "tills/S01/in").iterdir() if f.is_file()]
    assert any("22423;12,75" in text for text in given), "the price is on the shelf"
    assert "left undone: 1 messages parked" in said
    with public_context():
        assert Departure.objects.get().left == {"messages parked": 1}


def test_the_archive_holds_everything_but_secrets_and_proves_itself(
    northwind: Partner, tmp_path: Path
) -> None:
    with partner_context(northwind):
        tokens = list(Connection.objects.values_list("webhook_token", flat=True))
        acts = AuditEntry.objects.count()
    leave(tmp_path)
    with public_context():
        gone = Departure.objects.get()
    path = Path(gone.archive)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == gone.archive_sha256
    assert gone.archive_sha256 in path.with_name(path.name + ".sha256").read_text()
    held = contents(path)
    manifest = json.loads(held.pop("manifest.json"))
    assert manifest["partner"]["slug"] == "northwind"
    assert {n: f["sha256"] for n, f in manifest["files"].items()} == {
        name: hashlib.sha256(body).hexdigest() for name, body in held.items()
    }
    assert 'slug = "orders-to-erp"' in held["declaration.toml"].decode()
    price = [r for r in lines(held["tables/sync_record.jsonl"]) if r["entity"] == "price"]
    assert price[0]["content"]["price"] == {"amount": "12.75", "currency": "GBP"}
    assert len(lines(held["tables/audit_auditentry.jsonl"])) >= acts
    assert lines(held["tables/sync_inboxevent.jsonl"])
    assert json.loads(held["usage.json"]) == gone.usage
    assert not any("security_" in name for name in held)
    everything = b"".join(held.values()).decode()
    for hidden in (*tokens, OUTSIDE["SHOP_SECRET"], OUTSIDE["ERP_KEY"]):
        assert hidden not in everything


def test_afterwards_nobody_finds_it_and_its_names_are_free(
    northwind: Partner, tmp_path: Path
) -> None:
    schema = northwind.schema_name
    with partner_context(northwind):
        token = Connection.objects.get(slug="shop").webhook_token
    assert Endpoints().find(token) is not None
    leave(tmp_path)
    assert Client(SERVER_NAME="northwind.localhost").get("/").status_code == 404
    assert Endpoints().find(token) is None
    assert schema not in schemas()
    assert not Membership.objects.exists() and not Domain.objects.exists()
    made = lifecycle.create_partner(
        "northwind", "Another", "northwind.localhost", actor="system:tests"
    )
    assert made.schema_name != schema
    assert SchemaName.objects.get(name=schema).state == "dropped", "never used again"


def test_while_it_closes_the_portal_says_so_and_endpoints_are_shut(
    northwind: Partner, apply: Apply
) -> None:
    with partner_context(northwind):
        token = Connection.objects.get(slug="shop").webhook_token
    departure.begin(northwind, actor="system:tests")
    page = Client(SERVER_NAME="northwind.localhost").get("/")
    assert page.status_code == 503 and b"This portal is closed." in page.content
    assert Endpoints().find(token) is None
    (refused,) = apply()["problems"]
    assert "being deleted" in refused
    with pytest.raises(lifecycle.NotPossible, match="being closed"):
        lifecycle.resume(northwind, actor="system:tests")


def test_its_data_is_dropped_when_its_time_has_come_and_not_before(
    northwind: Partner, tmp_path: Path
) -> None:
    leave(tmp_path, "--drop-after", "14")
    gone = Departure.objects.get()
    assert gone.gone_schema in schemas() and gone.gone_schema.startswith("gone_")
    assert timedelta(days=13) < gone.drop_at - timezone.now() <= timedelta(days=14)
    out = io.StringIO()
    call_command("drop_deleted", stdout=out)
    assert "waits until" in out.getvalue() and gone.gone_schema in schemas()
    Departure.objects.update(drop_at=timezone.now() - timedelta(seconds=1))
    call_command("drop_deleted", stdout=out)
    assert "is dropped" in out.getvalue()
    assert gone.gone_schema not in schemas(), "and its keys with it"
    gone.refresh_from_db()
    assert gone.state == "dropped" and Path(gone.archive).exists()
    assert departure.drop_due(actor="system:tests") == []
    with public_context():
        acts = list(AuditEntry.objects.values_list("act", flat=True))
        assert acts[-4:] == [
            "partner.closing", "partner.archived", "partner.renamed", "partner.dropped"
        ]  # fmt: skip
        assert verify().intact


@pytest.mark.parametrize("cut", ["closed", "half-archived", "archived", "renamed"])
def test_cut_short_anywhere_it_goes_on_from_there(
    northwind: Partner, tmp_path: Path, cut: str
) -> None:
    folder = tmp_path / "archives"
    gone = departure.begin(northwind, actor="system:tests")
    if cut == "half-archived":
        folder.mkdir()
        (folder / f"northwind-{gone.pk.hex[:8]}.zip.partial").write_bytes(b"half of a zip")
    if cut in ("archived", "renamed"):
        made = archive.write(northwind, folder / "northwind.zip")
        departure.archived(gone, path=str(made.path), sha256=made.sha256, marks=made.marks,
                           left={}, usage=made.usage, actor="system:tests")  # fmt: skip
    if cut == "renamed":
        departure.rename(gone, drop_after=timedelta(days=1), actor="system:tests")
    said = leave(tmp_path)
    assert ("is deleted; its data is dropped on" in said) is (cut == "renamed")
    gone.refresh_from_db()
    assert gone.state == "renamed" and not Partner.objects.filter(slug="northwind").exists()
    assert contents(Path(gone.archive))
    assert not list(folder.glob("*.partial"))
    assert Departure.objects.count() == 1


def test_what_came_in_after_the_archive_is_in_the_archive(
    northwind: Partner, tmp_path: Path
) -> None:
    gone = departure.begin(northwind, actor="system:tests")
    made = archive.write(northwind, tmp_path / "archives" / "early.zip")
    departure.archived(gone, path=str(made.path), sha256=made.sha256, marks=made.marks,
                       left={}, usage=[], actor="system:tests")  # fmt: skip
    with partner_context(northwind):
        shop = Connection.objects.get(slug="shop")
        receive(shop.pk, [Heard("orders", "late", b'{"late": true}')])
    said = leave(tmp_path)
    assert "Something came in meanwhile" in said
    gone.refresh_from_db()
    told = lines(contents(Path(gone.archive))["tables/sync_inboxevent.jsonl"])
    assert any(row["body"] == {"late": True} for row in told)


def test_it_is_asked_for_twice_and_a_wrong_name_does_nothing(
    northwind: Partner, tmp_path: Path
) -> None:
    with pytest.raises(CommandError, match="say --confirm northwind"):
        leave(tmp_path, confirm="southwind")
    with pytest.raises(CommandError, match="no partner 'nobody'"):
        call_command("delete_partner", "nobody", "--confirm", "nobody")
    northwind.refresh_from_db()
    assert northwind.state == "active"


def test_an_archive_that_cannot_be_kept_stops_it(northwind: Partner, tmp_path: Path) -> None:
    (tmp_path / "archives").write_text("a file is in the way")
    with pytest.raises(CommandError, match="name another place with --archive-to"):
        leave(tmp_path)
    assert Departure.objects.get().state == "closing"
    assert northwind.schema_name in schemas()


def test_rows_in_a_workers_hands_are_waited_for(northwind: Partner, tmp_path: Path) -> None:
    leave_alone = timezone.now() + timedelta(minutes=1)
    with partner_context(northwind), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE sync_inboxevent SET lease_until = %s WHERE stream = 'journal'", [leave_alone]
        )
    with pytest.raises(CommandError, match="1 rows are still in a worker's hands"):
        leave(tmp_path)
    assert northwind.schema_name in schemas()

"""The vault's keys are changed while secrets are read and written, and a cut is gone on from."""

from __future__ import annotations

import base64
import io
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction

from kernel.audit.models import AuditEntry
from kernel.security import keyring, rotation, vault
from kernel.security.envelope import fingerprint, generation_of
from kernel.security.models import DataKey, Secret
from tenants.context import partner_context, public_context
from tenants.partners.models import Partner

pytestmark = pytest.mark.django_db(transaction=True)
SHOP = uuid4()


@pytest.fixture(autouse=True)
def key_file(settings, tmp_path: Path) -> Path:
    """The installation's key in a file of the test's own."""
    path = tmp_path / "vault.key"
    path.write_bytes(base64.b64encode(settings.VAULT_KEY) + b"\n")
    settings.VAULT_KEY_FILE = str(path)
    return path


def rotate(*options: str) -> str:
    out = io.StringIO()
    call_command("rotate_keys", *options, stdout=out)
    return out.getvalue()


def fill(partner: Partner, count: int) -> dict[str, str]:
    values = {f"field-{n}": f"value {n} of {partner.slug}" for n in range(count)}
    with partner_context(partner):
        for field, value in values.items():
            vault.put(SHOP, field, value)
    return values


def generations(partner: Partner) -> set[int]:
    with partner_context(partner):
        return {generation_of(bytes(s.ciphertext)) for s in Secret.objects.all()}


def test_every_key_changes_and_every_secret_stays(
    make_partner: Callable[..., Partner], key_file: Path
) -> None:
    partners = [make_partner("northwind"), make_partner("southwind")]
    values = {partner.slug: fill(partner, 3) for partner in partners}
    before = key_file.read_bytes()
    sealed = {}
    for partner in partners:
        with partner_context(partner):
            sealed[partner.slug] = {bytes(s.ciphertext) for s in Secret.objects.all()}
    said = rotate()
    assert "northwind: 3 secrets under a new data key." in said and "forgotten" in said
    assert key_file.read_bytes() != before and len(key_file.read_text().split()) == 1
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    for partner in partners:
        with partner_context(partner):
            assert vault.get_all(SHOP) == values[partner.slug]
            assert not sealed[partner.slug] & {bytes(s.ciphertext) for s in Secret.objects.all()}
            assert DataKey.objects.get().kek == fingerprint(keyring.in_force())
            assert AuditEntry.objects.filter(act="vault.data-key-changed").count() == 1
        assert generations(partner) == {2}
    with public_context():
        acts = set(AuditEntry.objects.values_list("act", flat=True))
    assert {"vault.key-made", "vault.key-forgotten"} <= acts


def test_readers_and_writers_work_throughout(make_partner: Callable[..., Partner]) -> None:
    partner = make_partner("northwind")
    values = fill(partner, 60)
    stop, read, written, errors = threading.Event(), [0], [0], []

    def working(work: Callable[[int], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                with partner_context(partner):
                    turn = 0
                    while not stop.is_set():
                        work(turn)
                        turn += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, the test must see it
                errors.append(error)
            finally:
                connection.close()

        return run

    def reading(turn: int) -> None:
        found = vault.get_all(SHOP)
        assert {n: v for n, v in found.items() if n in values} == values
        read[0] += 1

    def writing(turn: int) -> None:
        vault.put(SHOP, f"other-{turn % 7}", f"turn {turn}")
        assert vault.get(SHOP, f"other-{turn % 7}") == f"turn {turn}"
        written[0] += 1

    threads = [threading.Thread(target=working(work)) for work in (reading, reading, writing)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            reads = read[0]
            rotate()
            while read[0] < reads + 3 and not errors:
                stop.wait(0.01)
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert errors == [] and written[0] > 0
    assert generations(partner) == {4}


def test_a_rotation_that_was_cut_short_is_gone_on_with(
    make_partner: Callable[..., Partner], key_file: Path
) -> None:
    partners = [make_partner("northwind"), make_partner("southwind")]
    values = {partner.slug: fill(partner, 5) for partner in partners}
    made = keyring.add()
    with partner_context(partners[0]):
        rotation.rewrap()
        rotation.begin()
        assert rotation.reseal(1, batch=2) == 2
        assert rotation.finish(1) is False, "three secrets are still under the former key"
        assert vault.get_all(SHOP) == values["northwind"]
    assert generations(partners[0]) == {1, 2}
    said = rotate()
    assert "cut short" in said
    assert key_file.read_bytes() == base64.b64encode(made) + b"\n", "no further key was made"
    for partner in partners:
        assert generations(partner) == {2}
        with partner_context(partner):
            assert vault.get_all(SHOP) == values[partner.slug]


def test_a_key_goes_only_after_the_secret_that_is_being_written_with_it(
    make_partner: Callable[..., Partner],
) -> None:
    partner = make_partner("northwind")
    fill(partner, 1)
    wrote, go = threading.Event(), threading.Event()

    def slowly() -> None:
        with partner_context(partner), transaction.atomic():
            vault.put(SHOP, "late", "sealed with the former key")
            wrote.set()
            go.wait(60)
        connection.close()

    writer = threading.Thread(target=slowly)
    writer.start()
    assert wrote.wait(60)
    threading.Timer(0.2, go.set).start()
    rotate()
    writer.join(60)
    with partner_context(partner):
        assert vault.get(SHOP, "late") == "sealed with the former key"
    assert generations(partner) == {2}


def test_only_the_master_key_when_asked(make_partner: Callable[..., Partner]) -> None:
    partner = make_partner("northwind")
    values = fill(partner, 2)
    rotate("--master-only")
    assert generations(partner) == {1}
    with partner_context(partner):
        assert vault.get_all(SHOP) == values


def test_a_key_that_something_needs_is_never_forgotten(
    make_partner: Callable[..., Partner], key_file: Path
) -> None:
    partner = make_partner("northwind")
    fill(partner, 1)
    with partner_context(partner):
        DataKey.objects.update(kek="0" * 16)
    with pytest.raises(CommandError, match="vault key 0000000000000000"):
        rotate()
    assert len(key_file.read_text().split()) == 2, "both are kept"


def test_a_damaged_key_file_is_never_written_over(
    make_partner: Callable[..., Partner], key_file: Path
) -> None:
    fill(make_partner("northwind"), 1)
    key_file.write_text("c2hvcnQ=\n")
    with pytest.raises(CommandError, match="restore it from your backup"):
        rotate()
    assert key_file.read_text() == "c2hvcnQ=\n"


def test_keys_in_the_environment_are_the_operators_to_change(
    make_partner: Callable[..., Partner], settings
) -> None:
    partner = make_partner("northwind")
    values = fill(partner, 2)
    settings.VAULT_KEY_FILE = ""
    with pytest.raises(CommandError, match="put a new one into CROSSDOCK_VAULT_KEY"):
        rotate()
    old, settings.VAULT_KEY = settings.VAULT_KEY, b"the-new-key-of-the-environment!!"
    settings.VAULT_KEYS_OLD = [old]
    assert "Take the former keys out" in rotate()
    settings.VAULT_KEYS_OLD = []
    with partner_context(partner):
        assert vault.get_all(SHOP) == values

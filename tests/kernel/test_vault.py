"""Secrets open where they were put, and nowhere else."""

from __future__ import annotations

import os
from uuid import uuid4

import pytest
from django.db import connection
from django.test import override_settings

from kernel.security import envelope, rotation, vault
from kernel.security.envelope import CannotOpen
from kernel.security.models import DataKey, Secret
from tenants.context import partner_context

pytestmark = pytest.mark.django_db
SHOP, TILL = uuid4(), uuid4()


def test_a_secret_comes_back_and_is_not_readable_in_the_database(partner) -> None:
    vault.put(SHOP, "consumer_secret", "cs_canary")
    vault.put(SHOP, "consumer_secret", "cs_canary_2")
    vault.put(SHOP, "password", "pässwörd")
    assert vault.get(SHOP, "consumer_secret") == "cs_canary_2"
    assert vault.get_all(SHOP) == {"consumer_secret": "cs_canary_2", "password": "pässwörd"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(s::text, '') FROM security_secret s")
        assert b"canary".hex() not in cursor.fetchone()[0]


def test_what_is_forgotten_is_gone(partner) -> None:
    vault.put(SHOP, "token", "a")
    vault.put(SHOP, "other", "b")
    vault.put(TILL, "token", "c")
    assert vault.delete(SHOP, "token") == 1
    with pytest.raises(vault.NoSuchSecret, match="enter it"):
        vault.get(SHOP, "token")
    assert vault.delete(SHOP) == 1
    assert vault.get(TILL, "token") == "c"


def test_a_ciphertext_copied_to_another_row_or_field_does_not_open(partner) -> None:
    vault.put(SHOP, "token", "the shop's")
    vault.put(TILL, "token", "the till's")
    stolen = Secret.objects.get(owner_id=SHOP)
    Secret.objects.filter(owner_id=TILL).update(ciphertext=stolen.ciphertext)
    with pytest.raises(CannotOpen):
        vault.get(TILL, "token")
    Secret.objects.filter(owner_id=SHOP).update(field="address")
    with pytest.raises(CannotOpen):
        vault.get(SHOP, "address")


def test_a_ciphertext_copied_to_another_partner_does_not_open(partner, second_partner) -> None:
    vault.put(SHOP, "token", "northwind's")
    secret, key = Secret.objects.get(), DataKey.objects.get()
    with partner_context(second_partner):
        secret.save(force_insert=True)
        key.save(force_insert=True)
        with pytest.raises(CannotOpen):
            vault.get(SHOP, "token")
    assert vault.get(SHOP, "token") == "northwind's"


def test_every_partner_has_its_own_key(partner, second_partner) -> None:
    vault.put(SHOP, "token", "a")
    with partner_context(second_partner):
        vault.put(SHOP, "token", "b")
        other = bytes(DataKey.objects.get().wrapped)
    assert bytes(DataKey.objects.get().wrapped) != other
    DataKey.objects.all().delete()
    with pytest.raises(CannotOpen, match="erased"):
        vault.get(SHOP, "token")


@pytest.mark.parametrize("position", [0, 1, 13, -1])
def test_a_flipped_bit_is_noticed(position) -> None:
    sealed = bytearray(envelope.seal(bytes(32), ("a", "b"), b"value"))
    assert envelope.open_sealed(bytes(32), ("a", "b"), bytes(sealed)) == b"value"
    sealed[position] ^= 1
    with pytest.raises(CannotOpen):
        envelope.open_sealed(bytes(32), ("a", "b"), bytes(sealed))


def test_places_that_read_the_same_when_joined_are_different() -> None:
    sealed = envelope.seal(bytes(32), ("ab", "c"), b"value")
    with pytest.raises(CannotOpen):
        envelope.open_sealed(bytes(32), ("a", "bc"), sealed)


def test_the_installation_key_is_changed_while_secrets_are_read(partner, settings) -> None:
    settings.VAULT_KEY_FILE = ""
    vault.put(SHOP, "token", "still here")
    old, fresh = settings.VAULT_KEY, os.urandom(32)
    with override_settings(VAULT_KEY=fresh, VAULT_KEYS_OLD=[]), pytest.raises(CannotOpen):
        vault.get(SHOP, "token")
    with override_settings(VAULT_KEY=fresh, VAULT_KEYS_OLD=[old]):
        assert vault.get(SHOP, "token") == "still here"
        assert rotation.rewrap() is True
        assert rotation.rewrap() is False
    with override_settings(VAULT_KEY=fresh, VAULT_KEYS_OLD=[]):
        assert vault.get(SHOP, "token") == "still here"


def test_a_reader_with_raw_columns_opens_them_too(partner) -> None:
    secret_id = vault.put(SHOP, "webhook", "w")
    secret, key = Secret.objects.get(), DataKey.objects.get()
    found = vault.opened(
        partner.schema_name, secret_id, "webhook", secret.ciphertext, key.kek, key.wrapped
    )
    assert found == "w"

"""A partner is born: quickly, alone at a time, and just like one that was migrated."""

from __future__ import annotations

import threading
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from tenants.context import partner_context, public_context
from tenants.merchants.lifecycle import create_merchant
from tenants.merchants.models import Merchant
from tenants.partners import lifecycle, provisioning
from tenants.partners.models import Partner, SchemaName


@pytest.mark.django_db
def test_a_partner_has_a_schema_of_its_own_with_a_random_name(make_partner) -> None:
    first, second = make_partner("northwind"), make_partner("southwind")
    assert first.schema_name.startswith("p_")
    assert "northwind" not in first.schema_name
    assert first.schema_name != second.schema_name
    with partner_context(first):
        create_merchant("shop", "Shop", actor="system:tests")
    with partner_context(second):
        assert not Merchant.objects.exists()
    with partner_context(first):
        assert Merchant.objects.get().slug == "shop"


@pytest.mark.django_db
def test_a_schema_name_is_never_handed_out_twice(make_partner) -> None:
    gone = make_partner("northwind")
    name = gone.schema_name
    with connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA "{name}" CASCADE')
    gone.delete()
    names = {make_partner(f"new-{number}").schema_name for number in range(3)}
    assert name not in names
    assert SchemaName.objects.filter(name=name, state=SchemaName.State.USED).exists()


@pytest.mark.django_db
def test_a_clone_without_a_spare_takes_less_than_a_second(make_partner) -> None:
    SchemaName.objects.filter(state=SchemaName.State.SPARE).update(state=SchemaName.State.DROPPED)
    begun = time.process_time(), time.monotonic()
    made = make_partner("northwind")
    assert time.monotonic() - begun[1] < 1.0
    with partner_context(made):
        assert not Merchant.objects.exists()


@pytest.mark.django_db
def test_a_dirty_template_is_not_cloned() -> None:
    with partner_context("partner_template"):
        Merchant.objects.create(slug="left-behind", name="Left behind")
    with pytest.raises(provisioning.TemplateNotClean, match="merchants_merchant"):
        provisioning.clone_template()


@pytest.mark.django_db(transaction=True)
def test_four_people_creating_partners_at_once_all_succeed() -> None:
    SchemaName.objects.all().delete()
    made: list[str] = []
    problems: list[BaseException] = []

    def create(number: int) -> None:
        try:
            host = f"at-once-{number}.localhost"
            partner = lifecycle.create_partner(f"at-once-{number}", "P", host, actor="system:tests")
            made.append(partner.schema_name)
        except BaseException as problem:  # noqa: BLE001  shown by the assertion below
            problems.append(problem)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=create, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(set(made)) == 4


@pytest.mark.django_db
def test_migrating_catches_up_a_schema_that_is_behind(make_partner) -> None:
    made = make_partner("northwind")
    assert provisioning.schemas_behind() == []
    with connection.cursor() as cursor:
        cursor.execute(
            f'DELETE FROM "{made.schema_name}".django_migrations WHERE app = %s', ["security"]
        )
        cursor.execute(f'DROP TABLE "{made.schema_name}".security_secret')
        cursor.execute(f'DROP TABLE "{made.schema_name}".security_datakey')
    assert provisioning.schemas_behind() == [made.schema_name]
    provisioning.migrate_schema(made.schema_name, verbosity=0)
    assert provisioning.schemas_behind() == []
    with public_context(), connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"{made.schema_name}.security_secret"])
        assert cursor.fetchone()[0] is not None


@pytest.mark.django_db
def test_the_command_creates_a_partner_with_an_owner(monkeypatch, capsys) -> None:
    monkeypatch.setenv("FIRST_PASSWORD", "a long first password")
    call_command(
        "create_partner",
        "northwind",
        name="Northwind Systems",
        owner_email="Ada@Northwind.example",
        password_env="FIRST_PASSWORD",
    )
    partner = Partner.objects.get(slug="northwind")
    owner = partner.memberships.get().user
    assert owner.email == "ada@northwind.example"
    assert owner.check_password("a long first password")
    assert "northwind.localhost" in capsys.readouterr().out


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("slug", "host", "says"),
    [
        ("Not A Slug", "ok.localhost", "short name"),
        ("northwind", "other.localhost", "exists already"),
        ("other", "northwind.localhost", "in use already"),
        ("other", "not a host", "not a host name"),
    ],
)
def test_what_cannot_be_created_says_what_to_ask_instead(make_partner, slug, host, says) -> None:
    make_partner("northwind")
    before = Partner.objects.count()
    with pytest.raises(CommandError, match=says):
        call_command("create_partner", slug, name="X", domain=host)
    assert Partner.objects.count() == before

"""Nobody is locked out because Redis is away, and no partner reads another's cache."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import override_settings

from tenants.context import partner_context
from tests.conftest import PASSWORD, browser_at

AWAY = {
    "default": {
        "BACKEND": "kernel.cache.ForgetfulRedisCache",
        "LOCATION": "redis://127.0.0.1:1/0",
        "KEY_FUNCTION": "django_tenants.cache.make_key",
    }
}


@override_settings(CACHES=AWAY)
def test_a_cache_that_is_away_is_an_empty_one() -> None:
    cache.set("a", 1)
    assert cache.get("a", "nothing") == "nothing"
    assert cache.get_many(["a"]) == {}
    assert cache.get_or_set("a", 2) == 2
    assert cache.add("a", 1) is True
    assert cache.delete("a") is False
    assert "a" not in cache
    with pytest.raises(ValueError, match="not in the cache"):
        cache.incr("a")


@pytest.mark.django_db
def test_a_member_signs_in_while_redis_is_away(make_partner, add_person) -> None:
    partner = make_partner("northwind")
    add_person(partner, "ada@northwind.example")
    form = {"login": "ada@northwind.example", "password": PASSWORD}
    with override_settings(CACHES=AWAY):
        assert browser_at(partner).post("/account/login/", form).status_code == 302


@pytest.mark.django_db
def test_what_one_partner_keeps_another_does_not_find(make_partner) -> None:
    first, second = make_partner("northwind"), make_partner("southwind")
    with partner_context(first):
        cache.set("secret", "northwind's")
    with partner_context(second):
        assert cache.get("secret") is None
    with partner_context(first):
        assert cache.get("secret") == "northwind's"

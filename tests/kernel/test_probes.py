"""Is it up, and does work get done?"""

from __future__ import annotations

import time

import pytest
from django.db import connections
from django.test import Client, override_settings

from hub.config.probes import may_read_metrics
from hub.monitoring.progress import swept

pytestmark = pytest.mark.django_db
BARE = {"SERVER_NAME": "localhost"}


def test_readiness_reports_progress() -> None:
    answer = Client(**BARE).get("/readyz")
    report = answer.json()
    assert report["database"] is True
    assert {"redis", "oldest_due_s", "last_sweep_s", "well", "ready"} <= set(report)
    assert answer.status_code == (200 if report["ready"] else 503)


@pytest.mark.parametrize(("ago", "status"), [(1, 200), (600, 503)])
def test_a_sweep_that_stopped_makes_it_unready(ago, status) -> None:
    swept(time.time() - ago)
    answer = Client(**BARE).get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (status, status == 200)


@override_settings(
    REDIS_URL="redis://127.0.0.1:1/0",
    CACHES={
        "default": {
            "BACKEND": "kernel.cache.ForgetfulRedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "KEY_FUNCTION": "django_tenants.cache.make_key",
        }
    },
)
def test_redis_down_is_told_and_does_not_take_the_portal_down() -> None:
    answer = Client(**BARE).get("/readyz")
    report = answer.json()
    assert (answer.status_code, report["redis"], report["last_sweep_s"]) == (200, False, None)
    assert report["database"] is True


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_makes_it_unready_but_not_unhealthy(monkeypatch) -> None:
    connection = connections["default"]
    connection.close()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "PORT", "1")
        client = Client(**BARE)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["database"]) == (503, False)
        assert client.get("/healthz").status_code == 200
        connection.close()


@pytest.mark.parametrize(
    ("remote", "headers", "token", "allowed"),
    [
        ("127.0.0.1", {}, "", True),
        ("::1", {}, "", True),
        ("203.0.113.9", {}, "", False),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, "", False),
        ("203.0.113.9", {"Authorization": "Bearer t0ken"}, "t0ken", True),
        ("203.0.113.9", {"Authorization": "Bearer wrong"}, "t0ken", False),
        ("203.0.113.9", {"Authorization": "Bearer "}, "", False),
    ],
)
def test_who_may_read_metrics(remote, headers, token, allowed) -> None:
    with override_settings(METRICS_TOKEN=token):
        assert may_read_metrics(remote, headers) is allowed


def test_metrics_are_on_the_bare_host_only(make_partner) -> None:
    make_partner("northwind")
    assert b"crossdock_steps" in Client(**BARE).get("/metrics").content
    assert Client(**BARE).get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 404
    page = Client(SERVER_NAME="northwind.localhost").get("/metrics")
    assert b"crossdock_steps" not in page.content

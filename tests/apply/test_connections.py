"""A connection's life: settings that fit, secrets in the vault, the guarded way out."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from connectors.sdk.errors import AccessRefused, OutcomeUnknown, Unavailable
from hub.connections import lifecycle, session
from hub.connections.lifecycle import NotPossible
from hub.connections.models import Connection
from hub.mappings.lifecycle import replace_mapping, restore_mapping
from hub.mappings.rules import MappingError
from hub.mappings.selectors import NoMapping, mapping_for, rules_for, shipped_rules
from kernel.audit.models import AuditEntry
from kernel.security.addresses import Policy
from kernel.security.egress import GuardedClient
from tenants.merchants.lifecycle import create_merchant
from tenants.merchants.models import Environment
from tenants.partners.models import Partner

pytestmark = pytest.mark.django_db
ACTOR = "system:tests"


@pytest.fixture
def environment(partner: Partner) -> Environment:
    return create_merchant("hartley", "Hartley", actor=ACTOR).environments.get()


@pytest.fixture
def tills(environment: Environment, tmp_path: Path) -> Connection:
    return lifecycle.connect(
        environment, slug="tills", title="Tills", connector="csvtill",
        config={"folder": str(tmp_path)}, actor=ACTOR,
    )  # fmt: skip


def acts() -> list[str]:
    return list(AuditEntry.objects.order_by("seq").values_list("act", flat=True))


def test_everything_that_does_not_fit_the_connector_is_said(environment: Environment) -> None:
    with pytest.raises(NotPossible) as caught:
        lifecycle.connect(
            environment, slug="tills", title="Tills", connector="csvtill",
            config={"fodler": "/x", "incomplete_after": "soon"}, secrets={"key": "k"}, actor=ACTOR,
        )  # fmt: skip
    for word in ("fodler: CSV till has no such", "folder: CSV till needs it", "incomplete_after",
                 "key: CSV till has no such secret"):  # fmt: skip
        assert word in str(caught.value)
    assert not Connection.objects.exists()


def test_pausing_and_resuming_is_told_and_raises_the_release(tills: Connection) -> None:
    before = tills.environment.release
    lifecycle.pause(tills, reason="stocktaking", actor="user:1")
    lifecycle.pause(tills, reason="again", actor="user:1")
    assert (tills.state, tills.paused_reason) == ("paused", "stocktaking")
    lifecycle.resume(tills, actor="user:1")
    assert (tills.state, tills.paused_reason, tills.paused_at) == ("active", "", None)
    assert acts()[-3:] == ["connection.made", "connection.paused", "connection.resumed"]
    assert Environment.objects.get(pk=tills.environment_id).release == before + 3


def test_an_unchanged_change_is_no_act(tills: Connection) -> None:
    count = len(acts())
    assert lifecycle.change(tills, actor=ACTOR, title="Tills", lookups={}) == []
    assert len(acts()) == count
    assert lifecycle.change(tills, actor=ACTOR, lookups={"tender": {"X": "card"}}) == ["lookups"]
    assert acts()[-1] == "connection.changed"


def test_a_connector_gets_its_settings_with_defaults(
    tills: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CROSSDOCK_FOLDERS", str(tmp_path.parent))
    connector = session.open_connector(tills)
    assert connector.config["folder"] == str(tmp_path)
    assert connector.config["zone"] == "Europe/London"


@pytest.mark.parametrize("allowed", ["", "/somewhere/else"])
def test_a_folder_the_operator_did_not_name_is_refused(
    tills: Connection, monkeypatch: pytest.MonkeyPatch, allowed: str
) -> None:
    monkeypatch.setenv("CROSSDOCK_FOLDERS", allowed)
    with pytest.raises(AccessRefused, match="CROSSDOCK_FOLDERS"):
        session.open_connector(tills)
    (line,) = session.check(tills)
    assert not line.ok and "CROSSDOCK_FOLDERS" in line.move


def test_a_link_out_of_the_allowed_folder_is_no_way_out(
    tills: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "link").symlink_to(outside)
    monkeypatch.setenv("CROSSDOCK_FOLDERS", str(inside))
    for folder in (inside / "link", inside / ".." / "outside"):
        lifecycle.change(tills, actor=ACTOR, config={"folder": str(folder)})
        with pytest.raises(AccessRefused):
            session.open_connector(tills)


def test_pushes_go_to_the_front_door_under_the_connections_own_token(
    tills: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSDOCK_INGRESS_URL", "https://in.example.com/")
    assert session.webhook_address(tills) == f"https://in.example.com/hooks/{tills.webhook_token}"
    monkeypatch.delenv("CROSSDOCK_INGRESS_URL")
    with pytest.raises(Unavailable, match="CROSSDOCK_INGRESS_URL"):
        session.webhook_address(tills)


class _Peer(http.server.BaseHTTPRequestHandler):
    """Answers GET; hangs up on POST after reading it."""

    def do_GET(self) -> None:
        self.send_response(418)
        self.send_header("X-Kind", "teapot")
        self.end_headers()
        self.wfile.write(b'{"short": "stout"}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def peer() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Peer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_guarded_way_out_speaks_the_connectors_words(peer: str) -> None:
    allowed = session.GuardedHttp(GuardedClient(Policy.of(["127.0.0.0/8"])))
    answer = allowed.request("GET", peer)
    assert (answer.status, answer.headers["x-kind"]) == (418, "teapot")
    assert answer.json() == {"short": "stout"}
    with pytest.raises(OutcomeUnknown):
        allowed.request("POST", peer, body=b"x")
    with pytest.raises(Unavailable):
        allowed.request("GET", "http://127.0.0.1:9")
    with pytest.raises(AccessRefused) as caught:
        session.GuardedHttp(GuardedClient(Policy.of([]))).request("GET", peer)
    assert caught.value.code == "scope-missing"


def test_a_mapping_is_read_once_until_the_connection_changes(
    tills: Connection, django_assert_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    shipped = mapping_for(tills, "price.price")
    with django_assert_num_queries(0):
        assert mapping_for(tills, "price.price") is shipped
    rules = {"resource": "price", "fields": {"sku": "sku"}}
    made = replace_mapping(tills, "price.price", rules, actor=ACTOR)
    assert made.version == 1 and acts()[-1] == "mapping.replaced"
    own = mapping_for(tills, "price.price")
    assert own.render({"sku": "A", "price": {"amount": "1"}}, str).body == {"sku": "A"}
    assert replace_mapping(tills, "price.price", rules, actor=ACTOR).version == 2
    restore_mapping(tills, "price.price", actor=ACTOR)
    assert rules_for(tills, "price.price") == shipped_rules("csvtill", "price.price")
    assert mapping_for(tills, "price.price") is not own
    with pytest.raises(NoMapping):
        mapping_for(tills, "price.labels")


def test_rules_that_do_not_compile_never_come_into_force(tills: Connection) -> None:
    with pytest.raises(MappingError):
        replace_mapping(tills, "price.price", {"fields": {"sku": 4}}, actor=ACTOR)
    assert not tills.mapping_overrides.exists()

"""A connector: how we speak to one kind of system.

A subclass holds only what is peculiar to its system. Facts (streams, resources, limits,
credentials) are in ``connector.toml``; translations are in ``mappings/``. An instance belongs to
one connection and one thread; it keeps no state that matters between calls.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

from connectors.sdk.consent import ConsentAnswer, ConsentAsk
from connectors.sdk.errors import ConnectorError, Rejected
from connectors.sdk.http import Http
from connectors.sdk.manifest import Manifest
from connectors.sdk.records import (
    CheckLine,
    Done,
    Found,
    Heard,
    Hint,
    Json,
    Nothing,
    Page,
    SourceRecord,
    Step,
    Verdict,
    WebhookRequest,
    WriteItem,
)
from connectors.sdk.tokens import Tokens, Unkept


class Connector:
    """Base class. ``config``: public settings; ``secrets``: credentials; both as the manifest
    declares them, defaults filled in.
    """

    manifest: ClassVar[Manifest]

    def __init__(
        self,
        *,
        config: Json,
        secrets: Mapping[str, str],
        http: Http,
        tokens: Tokens | None = None,
    ) -> None:
        self.config = config
        self.secrets = secrets
        self.http = http
        self.tokens = tokens or Unkept(secrets)

    # ---- set-up
    @classmethod
    def manifest_for(cls, config: Json) -> Manifest:
        """What one connection offers. Where streams and resources are declared by the connection's
        own settings, built from them; ``config`` has its defaults and passed `config_problems`.
        """
        return cls.manifest

    @classmethod
    def config_problems(cls, config: Json) -> Iterable[tuple[str, str]]:
        """(setting, what is wrong and the mend), beyond what the manifest's fields can say."""
        return ()

    @classmethod
    def consent(cls, config: Json, secrets: Mapping[str, str], ask: ConsentAsk) -> str | None:
        """The address a person is sent to, to let us in; None: credentials are entered by hand."""
        return None

    def consented(self, answer: ConsentAnswer) -> Mapping[str, str]:
        """The secrets to keep, from what the system answered after the person agreed.

        Raises AccessRefused when the person declined or the answer doesn't hold.
        """
        raise self._cannot("be connected by consent")

    def check(self) -> list[CheckLine]:
        """Try the connection: reachable, signed in, allowed to read, allowed to write."""
        raise self._cannot("be checked")

    def account(self) -> str:
        """Fingerprint of the remote account, equal for two connections to the same one."""
        raise self._cannot("tell its account")

    def subscribe(self, address: str, secret: str) -> None:
        """Make the source push to ``address``; idempotent; re-enables what it has disabled."""

    def unsubscribed(self, address: str) -> list[str]:
        """What keeps the source from pushing to ``address``, a phrase each ("order.created is
        disabled"); [] when nothing does, or when it can't tell. `subscribe` mends it. Only reads.
        """
        return []

    # ---- source
    @classmethod
    def webhook(cls, request: WebhookRequest, secrets: Sequence[Mapping[str, str]]) -> Verdict:
        """Judge a push. ``secrets``: current and, during a rotation, previous credentials.

        Pure: no network, no database; runs in the ingress process.
        """
        return Verdict(status=404, why=f"{cls.manifest.name} takes no webhooks")

    def read(self, stream: str, cursor: Json) -> Iterator[Page]:
        """Pages of what is new since ``cursor`` ({} = from the beginning)."""
        raise self._cannot("be read")

    def understand(self, heard: Heard) -> SourceRecord | Hint | Nothing:
        """Read stored bytes. Pure. Raises Unreadable; the bytes stay kept and are parked."""
        raise self._cannot("be understood")

    def reread(self, stream: str, external_ids: Sequence[str]) -> dict[str, SourceRecord | None]:
        """Read records whole by id; None for one that is surely gone."""
        raise self._cannot("be read by id")

    def archive(self, files: Iterable[str]) -> None:
        """File sources only: move away files whose content is safely stored."""

    # ---- target
    def write(self, resource: str, item: WriteItem) -> Generator[Step, None, Done]:
        """Write one record, yielding every step that had its effect and returning Done.

        A write of one call yields nothing. Raises the SDK's errors.
        """
        raise self._cannot(f"write {resource}")

    def write_batch(self, resource: str, items: Sequence[WriteItem]) -> list[Done | ConnectorError]:
        """Write many in one call, where the manifest gives the resource a batch above 1.

        One outcome per item, in order. Raising means the whole call had that outcome.
        """
        return [Rejected(f"{self.manifest.name}.{resource} takes no batches") for _ in items]

    def look_up(self, resource: str, item: WriteItem) -> Found | None:
        """Find what an uncertain send may have left, by ``item.ref``; None = surely absent.

        Two hits raise Rejected(code="duplicate-exact"): never pick one.
        """
        raise self._cannot("be looked into")

    def _cannot(self, what: str) -> ConnectorError:
        """Asked for something its manifest doesn't offer: a defect of ours, not of the record."""
        return ConnectorError(f"The connector {self.manifest.name} can't {what}.")

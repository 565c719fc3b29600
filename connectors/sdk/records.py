"""What passes between the hub and a connector. Plain data, no Django, no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Json = dict[str, Any]

# ------------------------------------------------------------------ from a source


@dataclass(frozen=True, slots=True)
class Heard:
    """Raw bytes a source gave us, before anything can fail on them.

    ``identity``: equal for copies of the same message within one connection; the hub makes the
    pair (connection, identity) unique. It is an economy, not the truth: the truth is the record's
    own uniqueness. ``stream``: a stream of the manifest. ``read_started_at``: aware UTC, set when
    *we* read it (poll, file, re-read), None when it was pushed to us.
    """

    stream: str
    identity: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    read_started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A record in the source's own words, ready for a mapping.

    ``external_id``: the source's id within the stream. ``version``: the source's own ordering
    mark as a string that compares right (ISO time, zero-padded counter), or "" if it has none.
    ``our_ref``: the reference we wrote into it when we created it, if it carries one.
    """

    stream: str
    external_id: str
    body: Json
    version: str = ""
    our_ref: str = ""
    deleted: bool = False
    read_started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hint:
    """The source says something changed, but what it sent can't be trusted: read it again."""

    stream: str
    external_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """Understood, and there is nothing to do (a ping, a control record)."""

    why: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a stream. ``cursor`` is stored in the transaction that stores ``heard``.

    ``cursor`` comes from records seen, never from a clock of ours. ``files``: names to archive
    once the page is stored (file sources only).
    """

    heard: tuple[Heard, ...]
    cursor: Json
    files: tuple[str, ...] = ()


# ------------------------------------------------------------------ webhooks


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request at the front door; header names in lower case.

    ``address``: the public address it was sent to, without the query, as the source knows it
    (some sign it). ``config``: the connection's public settings, defaults filled in.
    """

    method: str
    headers: Mapping[str, str]
    query: str
    body: bytes
    address: str = ""
    config: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the front door does: store ``heard``, then answer ``status``.

    A refusal has no ``heard`` and a status of 400 or more, and says why (for the log).
    """

    status: int
    heard: tuple[Heard, ...] = ()
    why: str = ""


# ------------------------------------------------------------------ to a target

Op = Literal["create", "update", "delete"]


@dataclass(frozen=True, slots=True)
class WriteItem:
    """One record to write at the target, in the target's own words.

    ``ref``: our stable reference (holds environment and record); to be stored at the target and
    looked up by. ``key``: idempotency key of this send, the same for the same bytes.
    ``external_id``: the target's id, "" for a create. ``parts``: ids of its parts, e.g.
    {sku: variant id}. ``steps``: external ids of steps done before, by role. ``uncertain``: an
    earlier send may have had its effect: look up every step not in ``steps`` before doing it.
    ``delivered``: the body we last wrote there, if known.
    """

    ref: str
    key: str
    op: Op
    body: Json
    external_id: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, str] = field(default_factory=dict)
    uncertain: bool = False
    delivered: Json | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a several-call write has had its effect; the hub commits it before the next.

    ``role``: e.g. ``order``, ``invoice``, ``invoice-posted``.
    """

    role: str
    external_id: str


@dataclass(frozen=True, slots=True)
class Done:
    """The target holds it. ``parts`` as in WriteItem; ``url``: where a person finds it there."""

    external_id: str
    parts: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a look-up by our reference found at the target.

    ``complete``: every step is there; else ``steps`` names those that are and the write resumes.
    """

    external_id: str
    steps: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One line of a connection check: what was tried, whether it worked, and the move if not."""

    what: str
    ok: bool
    move: str = ""

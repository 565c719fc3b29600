"""What a partner declares about a JSON API, as types. Unknown keys are refused.

A *path* leads into JSON: ``data.items[0].id``; "" is the whole. A *template* is text with
``{names}``; what stands for a name is escaped for the place it is put in. Durations are seconds.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Encoding = Literal["hex", "base64"]
Algorithm = Literal["sha1", "sha256", "sha512"]
Written = Literal["text", "hex", "base64"]
"""How a secret's bytes are written."""
Clock = Literal["unix", "unix_ms", "iso"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


Entity = Literal[
    "product", "price", "tax_rate", "location", "stock_level", "stock_movement", "customer",
    "order", "sale", "return", "refund", "payment", "fulfilment", "milestone",
]  # fmt: skip
"""The names of the canonical model; `tests/rest` holds them to it."""


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A typo must not be silent."""


# ------------------------------------------------------------------ who we are there


class Open(Strict, tag_field="style", tag="none"):
    """Nobody asks who we are."""


class Key(Strict, tag_field="style", tag="key"):
    """Secret ``api_key`` in a header or in the query; one of the two is named."""

    header: str = ""
    query: str = ""
    prefix: str = ""


class Basic(Strict, tag_field="style", tag="basic"):
    """User name here, secret ``password``."""

    username: str


class Bearer(Strict, tag_field="style", tag="bearer"):
    """Secret ``token``."""


class OAuth(Strict, tag_field="style", tag="oauth2"):
    """Client credentials (RFC 6749, 4.4): secret ``client_secret`` buys the ``access_token``.

    ``sends``: whether id and secret travel as Basic header or in the form. ``expired``: statuses
    that say that the token has run out. ``token``: path of it in the answer.
    """

    address: str
    client_id: str
    scope: str = ""
    extra: dict[str, str] = {}
    sends: Literal["header", "form"] = "header"
    token: str = "access_token"  # noqa: S105 - a path
    expired: tuple[int, ...] = (401,)


class Signed(Strict, tag_field="style", tag="hmac"):
    """Each request signed with secret ``signing_secret``.

    ``sign``: template of {method}, {path} (with query), {url}, {timestamp}, {nonce}, {body} and
    {body_sha256} (hex). ``key_id`` goes into ``key_header``.
    """

    header: str
    sign: str
    algorithm: Algorithm = "sha256"
    key_form: Written = "text"
    encoding: Encoding = "hex"
    prefix: str = ""
    timestamp_header: str = ""
    timestamp: Clock = "unix"
    nonce_header: str = ""
    key_header: str = ""
    key_id: str = ""


Auth = Open | Key | Basic | Bearer | OAuth | Signed

# ------------------------------------------------------------------ who may push to us


class Ping(Strict):
    """A push that only tries the address: ``values`` of a header or of a path in the body."""

    values: list[str]
    header: str = ""
    path: str = ""


class HmacHook(Strict, tag_field="style", tag="hmac"):
    """Signed with secret ``webhook_secret``.

    ``sign``: template of {body}, {timestamp}, {id} and {address} (as the source knows ours).
    ``parts``: where one header holds several (``t=…,v1=…``), the names of ``signature`` and
    ``timestamp`` in it. ``tolerance``: age from which a push is refused as replayed; it needs a
    timestamp that is signed.
    """

    header: str
    sign: str = "{body}"
    algorithm: Algorithm = "sha256"
    key_form: Written = "text"
    encoding: Encoding = "hex"
    prefix: str = ""
    parts: dict[str, str] = {}
    timestamp_header: str = ""
    timestamp: Clock = "unix"
    id_header: str = ""
    tolerance: float = 300
    ping: Ping | None = None


class StandardHook(Strict, tag_field="style", tag="standard"):
    """Standard Webhooks 1.0, symmetric: ``webhook-id``, ``-timestamp``, ``-signature``."""

    tolerance: float = 300
    ping: Ping | None = None


class TokenHook(Strict, tag_field="style", tag="token"):
    """Secret ``webhook_secret`` itself stands in a header."""

    header: str
    prefix: str = ""
    ping: Ping | None = None


class BasicHook(Strict, tag_field="style", tag="basic"):
    """User name here, secret ``webhook_secret`` as the password."""

    username: str
    ping: Ping | None = None


Hook = HmacHook | StandardHook | TokenHook | BasicHook

# ------------------------------------------------------------------ refusals

Means = Literal[
    "rejected", "locked", "exists", "done", "missing", "not_yet", "unavailable", "slow_down",
    "unknown", "access",
]  # fmt: skip
Code = Literal[
    "rejected", "missing-required", "type-mismatch", "duplicate-exact", "duplicate-near",
    "record-locked", "period-closed", "not-ready", "refund-exceeds", "rounding-out-of-tolerance",
    "sku-missing", "customer-missing", "location-missing", "tax-code-missing", "reference-missing",
    "tender-unmapped", "scope-missing", "revoked",
]  # fmt: skip


class ErrorRow(Strict):
    """An answer and what it means; the first row that fits decides.

    Fits: ``status`` is among those named (none = any of 400 and more, or any item of a batch that
    failed), and ``path`` leads to one of ``values``. ``exists``: the record is there already; its
    id is at ``id`` in the answer, or is looked up. ``missing``: ``entity`` and ``key`` ({kind:
    path in what we sent}) say what the target lacks. ``move``: the sentence a person reads.
    """

    means: Means
    status: list[int] = []
    path: str = ""
    values: list[str] = []
    code: Code | Literal[""] = ""
    owner: Literal["partner", "merchant", "platform", ""] = ""
    move: str = ""
    id: str = ""
    entity: str = ""
    key: dict[str, str] = {}


# ------------------------------------------------------------------ reading


class NoPages(Strict, tag_field="style", tag="none"):
    """One answer holds everything."""


class PageNumber(Strict, tag_field="style", tag="page"):
    """``total``: path (or ``header:Name``) of the number of records; it tells of shifted rows.
    ``short_ends``: a page shorter than ``size`` is the last; else an empty or shorter one is, since
    an API may give less at once than it was asked for."""

    param: str = "page"
    first: int = 1
    size_param: str = ""
    size: int = 100
    total: str = ""
    short_ends: bool = False


class Offset(Strict, tag_field="style", tag="offset"):
    param: str = "offset"
    size_param: str = "limit"
    size: int = 100
    total: str = ""
    short_ends: bool = False


class CursorToken(Strict, tag_field="style", tag="cursor"):
    """``path`` (or ``header:Name``) leads to the token of the next page; absent or empty ends.
    ``more``: path of a flag that says whether to go on, where the token is always there."""

    path: str
    param: str = "cursor"
    size_param: str = ""
    size: int = 100
    more: str = ""


class NextLink(Strict, tag_field="style", tag="next"):
    """``path`` leads to the address of the next page."""

    path: str
    size_param: str = ""
    size: int = 100


class LinkHeader(Strict, tag_field="style", tag="link"):
    """``Link: <…>; rel="next"`` (RFC 8288)."""

    size_param: str = ""
    size: int = 100


class Keyset(Strict, tag_field="style", tag="keyset"):
    """The next page begins behind the last record: ``param`` is set to its value at ``path``.

    Rows that shift can't be missed. The source must list them in the order of that value.
    """

    param: str
    path: str
    size_param: str = ""
    size: int = 100
    short_ends: bool = False


Paging = NoPages | PageNumber | Offset | CursorToken | NextLink | LinkHeader | Keyset


class Since(Strict):
    """What changed since the newest record seen: ``param`` asks, the record's ``path`` answers.

    ``overlap``: read this far back again, because a record may be written a little before the one
    that was seen (seconds; of ``number``, units). ``first``: asked with on the first reading.
    """

    param: str
    path: str
    format: Literal["iso", "naive", "unix", "unix_ms", "number", "text"] = "iso"
    overlap: float = 30
    first: str = ""


class One(Strict):
    """A record by its id: template of {id}; ``record``: path of it in the answer."""

    address: str
    record: str = ""


class Push(Strict):
    """Which pushes are this stream's, and where the record is in them.

    ``values`` of ``header`` or of ``path`` (in the body) say which; none = all. ``record`` may lead
    to a list. ``thin``: only the id can be trusted, the record is read by ``one``; ``id`` then
    leads to it from the record.
    """

    header: str = ""
    path: str = ""
    values: list[str] = []
    record: str = ""
    thin: bool = False
    id: str = ""
    deleted: list[str] = []


class Deleted(Strict):
    """The record is gone when ``path`` leads to one of ``values`` (none = to anything true)."""

    path: str
    values: list[str] = []


class StreamSpec(Strict):
    """``address``: of the list; "" is never polled. ``whole``: rows of the list are short, so
    each is read by ``one``. ``ref``: path of our reference, if records carry it.
    ``poll_every``: 0 with an address means once a minute."""

    name: str
    produces: list[Entity]
    label: str = ""
    id: str = "id"
    version: str = ""
    ref: str = ""
    deleted: Deleted | None = None
    address: str = ""
    params: dict[str, str] = {}
    records: str = ""
    paging: Paging = msgspec.field(default_factory=NoPages)
    most_pages: int = 10_000
    since: Since | None = None
    poll_every: float = 0
    one: One | None = None
    whole: bool = False
    push: Push | None = None


# ------------------------------------------------------------------ writing


class Call(Strict):
    """``address``: template of {id}, {ref}, {key} and {sent.PATH}. ``wrap``: path under which the
    body is put. ``send``: what of the mapped record is the body ("" = all of it)."""

    address: str
    method: Method = "POST"
    wrap: str = ""
    send: str = ""
    headers: dict[str, str] = {}


class Idempotency(Strict):
    """Where our key goes: into a header, or into the body under ``path``."""

    header: str = ""
    path: str = ""


class LookUp(Strict):
    """Where to find what we may have left: ``address`` as in `Call`; ``records``: path of the hits
    ("" = the answer itself, one record or a list). A hit counts when its ``ref`` (a path) equals
    ``value`` (a template); without ``ref`` the address names one record, which is there or 404.
    """

    address: str
    records: str = ""
    id: str = "id"
    ref: str = ""
    value: str = "{ref}"


class BatchSpec(Strict):
    """Many records in one call. ``items``: path in the request under which they are listed ("" =
    the body is the list). ``results``: path of the outcomes; they come in our order, or are found
    by ``result_ref`` = ``sent_ref``. ``failed``: path that is there (and true) in a refused one;
    ``status``: path of an HTTP-like status. ``updates``: changes go this way too; ``own_id``: name
    under which they carry the target's id.
    """

    address: str
    size: int
    method: Method = "POST"
    items: str = ""
    results: str = ""
    sent_ref: str = ""
    result_ref: str = ""
    failed: str = ""
    status: str = ""
    id: str = "id"
    updates: bool = False
    own_id: str = ""


class Accepted(Strict):
    """A 202 promises; ``address`` (template of {answer.PATH}; "" = its Location header) tells what
    became of it: ``state`` leads to one of ``done`` or ``failed``, anything else is still at it.
    ``id``: path of the record's id; ``problem``: of the reason."""

    state: str
    done: list[str]
    failed: list[str]
    address: str = ""
    id: str = "id"
    problem: str = ""
    every: float = 1.0


class ResourceSpec(Strict):
    """Something the API takes. ``create`` is used for changes too where ``update`` is missing and
    ``writes`` is *set*. ``id``: where the target's id is: a path in the answer, ``header:Location``
    (its last segment) or ``sent:PATH``. ``parts``: {"each", "key", "id"}: ids of parts.
    ``numbers``: paths whose decimal text becomes a JSON number. ``link``: template of {id} and
    {answer.PATH}, for people. ``settles``: how long the target may still be at work on what it
    didn't answer.
    """

    name: str
    entity: Entity
    create: Call
    label: str = ""
    writes: Literal["set", "create", "append"] = "create"
    proof: Literal["key", "lookup", "none"] = "lookup"
    binds: str = ""
    id: str = "id"
    update: Call | None = None
    delete: Call | None = None
    key: Idempotency | None = None
    lookup: LookUp | None = None
    batch: BatchSpec | None = None
    accepted: Accepted | None = None
    parts: dict[str, str] = {}
    numbers: list[str] = []
    link: str = ""
    errors: list[ErrorRow] = []
    settles: float = 2.0
    deadline: float = 20.0


class Settings(Strict):
    """``check``: address that is asked when the connection is tried."""

    url: str
    auth: Auth = msgspec.field(default_factory=Open)
    headers: dict[str, str] = {}
    webhook: Hook | None = None
    errors: list[ErrorRow] = []
    streams: list[StreamSpec] = []
    resources: list[ResourceSpec] = []
    check: str = ""
    concurrency: int = 4

    def stream(self, name: str) -> StreamSpec:
        return next(s for s in self.streams if s.name == name)

    def resource(self, name: str) -> ResourceSpec:
        return next(r for r in self.resources if r.name == name)


def settings_of(config: dict[str, Any]) -> Settings:
    """Raises msgspec.ValidationError; never for settings that `problems.find` found nothing in."""
    said = {name: value for name, value in config.items() if value not in (None, {}, [])}
    return msgspec.convert(said, Settings)

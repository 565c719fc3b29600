"""Judging a push: is it the source's, is it fresh, and what of it is to be kept. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.rest import signing
from connectors.rest.paths import at, raw_at, raw_items, text
from connectors.rest.settings import (
    BasicHook,
    HmacHook,
    Hook,
    Ping,
    Push,
    Settings,
    StandardHook,
    TokenHook,
)
from connectors.sdk.records import Heard, Verdict, WebhookRequest

#: Header of ours on a kept push: the name of its kind ("" = a record).
PUSHED = "crossdock-push"
_FRESH = "the push is too old or dated ahead: replayed, or a clock is wrong"


def judge(
    request: WebhookRequest, settings: Settings, secrets: Sequence[Mapping[str, str]]
) -> Verdict:
    """``secrets``: in force, then those before a rotation; either is good."""
    hook = settings.webhook
    streams = [s for s in settings.streams if s.push is not None]
    if hook is None or not streams:
        return Verdict(404, why="this connection takes no webhooks")
    if request.method != "POST":
        return Verdict(405, why="webhooks are POSTed")
    keys = [s["webhook_secret"] for s in secrets if s.get("webhook_secret")]
    refused = _refused(request, hook, keys, datetime.now(UTC))
    if refused:
        return Verdict(401, why=refused)
    said = _decoded(request.body)
    if hook.ping is not None and _pings(hook.ping, request, said):
        return Verdict(200, why="ping")
    heard: list[Heard] = []
    for stream in streams:
        assert stream.push is not None  # noqa: S101 - only such streams are here
        kind = _kind(stream.push, request, said)
        if kind is not None:
            heard += _kept(stream.name, stream.push, kind, request.body)
    return Verdict(200, tuple(heard), why="" if heard else "no stream follows this push")


def _kind(push: Push, request: WebhookRequest, said: Any) -> str | None:
    """What the push says it is; None if it isn't this stream's."""
    if push.header:
        name = request.headers.get(push.header.lower(), "")
    elif push.path:
        name = text(at(said, push.path))
    else:
        return ""
    followed = not push.values or name in push.values or name in push.deleted
    return name if name and followed else None


def _kept(stream: str, push: Push, kind: str, body: bytes) -> list[Heard]:
    """The records in the push, each by itself; what can't be read is kept whole, parked later."""
    try:
        raw = raw_at(body, push.record)
        listed = raw is not None and raw.lstrip()[:1] == b"["
        bodies = raw_items(raw) if listed and raw is not None else [raw or body]
    except (msgspec.DecodeError, UnicodeDecodeError):
        bodies = [body]
    mark = f"{stream}\n{kind}\n".encode()
    return [
        Heard(stream, hashlib.sha256(mark + one).hexdigest(), one, {PUSHED: kind or "push"})
        for one in bodies
    ]


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _pings(ping: Ping, request: WebhookRequest, said: Any) -> bool:
    name = request.headers.get(ping.header.lower()) if ping.header else text(at(said, ping.path))
    return name in ping.values


def _refused(request: WebhookRequest, hook: Hook, keys: Sequence[str], now: datetime) -> str:
    """Why it isn't taken; "" when one of the keys fits."""
    if not keys:
        return "the connection has no webhook secret"
    if isinstance(hook, HmacHook):
        return _hmac(request, hook, keys, now)
    if isinstance(hook, StandardHook):
        return _standard(request, hook, keys, now)
    if isinstance(hook, TokenHook):
        given = request.headers.get(hook.header.lower(), "")
        return _fits(given, [hook.prefix + key for key in keys], hook.header)
    return _basic(request, hook, keys)


def _fits(given: str, wanted: Sequence[str], name: str) -> str:
    # Every key is compared, so that the time tells nothing.
    fitting = [signing.equal(given, one) for one in wanted]
    return "" if any(fitting) else f"{name} matches no secret of this connection"


def _basic(request: WebhookRequest, hook: BasicHook, keys: Sequence[str]) -> str:
    wanted = [
        "Basic " + base64.b64encode(f"{hook.username}:{key}".encode()).decode() for key in keys
    ]
    return _fits(request.headers.get("authorization", ""), wanted, "the password")


def _hmac(request: WebhookRequest, hook: HmacHook, keys: Sequence[str], now: datetime) -> str:
    given = request.headers.get(hook.header.lower(), "")
    stamp = request.headers.get(hook.timestamp_header.lower(), "") if hook.timestamp_header else ""
    if hook.parts:
        found = _parts(given)
        given = found.get(hook.parts.get("signature", ""), "")
        stamp = found.get(hook.parts.get("timestamp", ""), stamp)
    if "{timestamp}" in hook.sign and not _fresh(stamp, hook.timestamp, hook.tolerance, now):
        return _FRESH
    parts = {
        "body": request.body,
        "timestamp": stamp.encode(),
        "id": request.headers.get(hook.id_header.lower(), "").encode(),
        "address": request.address.encode(),
    }
    wanted = []
    for secret in keys:
        try:
            key = signing.key(secret, hook.key_form)
        except ValueError:
            return f"the webhook secret is not written as {hook.key_form}"
        made = signing.mac(hook.algorithm, key, hook.sign, parts)
        wanted.append(hook.prefix + signing.written(made, hook.encoding))
    if hook.encoding == "hex":
        given = given.lower() if not hook.prefix else given
    return _fits(given, wanted, hook.header)


def _standard(
    request: WebhookRequest, hook: StandardHook, keys: Sequence[str], now: datetime
) -> str:
    """Secrets are base64 behind ``whsec_``; one that isn't is used as it stands."""
    id_, stamp = (request.headers.get(f"webhook-{n}", "") for n in ("id", "timestamp"))
    if not id_ or not _fresh(stamp, "unix", hook.tolerance, now):
        return _FRESH
    parts = {"id": id_.encode(), "timestamp": stamp.encode(), "body": request.body}
    wanted = [
        "v1," + signing.written(
            signing.mac("sha256", _standard_key(key), "{id}.{timestamp}.{body}", parts), "base64"
        )
        for key in keys
    ]  # fmt: skip
    given = request.headers.get("webhook-signature", "").split()
    why = "webhook-signature matches no secret of this connection"
    return "" if any(not _fits(one, wanted, "") for one in given) else why


def _standard_key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        return secret.encode()


def _fresh(stamp: str, clock: str, tolerance: float, now: datetime) -> bool:
    when = signing.moment(clock, stamp)
    return when is not None and abs((now - when).total_seconds()) <= tolerance


def _parts(header: str) -> dict[str, str]:
    """``t=1,v1=ab`` → {"t": "1", "v1": "ab"}."""
    pairs = (part.partition("=") for part in header.split(","))
    return {name.strip(): value.strip() for name, _, value in pairs}

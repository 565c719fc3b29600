"""What is wrong with the settings of a connection, each with its mend. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, get_args

import msgspec

from connectors.rest import paths
from connectors.rest.settings import (
    Auth,
    Call,
    ErrorRow,
    HmacHook,
    Hook,
    Key,
    OAuth,
    Paging,
    Ping,
    ResourceSpec,
    Since,
    StreamSpec,
)
from connectors.sdk.records import Json

Found = Iterator[tuple[str, str]]

#: A lease of the hub's outlasts two calls of this length.
LONGEST = 25.0
_PLACE = re.compile(r"(.*) - at `\$(.*)`", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_SENT = {"id", "ref", "key", "sent"}


def find(config: Json) -> list[tuple[str, str]]:
    """(setting, what is wrong and the mend) for everything."""
    return list(_all(config))


def _all(config: Json) -> Found:
    auth = yield from _typed("auth", config.get("auth") or {"style": "none"}, Auth)
    if isinstance(auth, Key) and bool(auth.header) is bool(auth.query):
        yield "auth", "Name either the header or the query parameter that carries the key."
    if isinstance(auth, OAuth) and not re.match(r"/|https?://", auth.address):
        yield "auth.address", "Write the token address whole, or from the / on."
    if "?" in str(config.get("url") or "") or "#" in str(config.get("url") or ""):
        yield "url", "Leave out what begins with ? or #: only what all addresses begin with."
    if config.get("webhook"):
        hook = yield from _typed("webhook", config["webhook"], Hook)
        yield from _hook(hook)
    yield from _headers(config.get("headers") or {})
    yield from _address("check", config.get("check") or "", set(), empty=True)
    concurrency = 4 if config.get("concurrency") is None else config["concurrency"]
    if not isinstance(concurrency, int) or not 1 <= concurrency <= 32:
        yield "concurrency", "Write a whole number from 1 to 32."
    for index, raw in enumerate(config.get("errors") or []):
        row = yield from _typed(f"errors[{index}]", raw, ErrorRow)
        yield from _error(f"errors[{index}]", row)
    streams = yield from _list("streams", config, StreamSpec)
    for at, stream in streams:
        yield from _stream(at, stream, pushed=bool(config.get("webhook")))
    resources = yield from _list("resources", config, ResourceSpec)
    for at, resource in resources:
        yield from _resource(at, resource)
    if not config.get("streams") and not config.get("resources"):
        yield "streams", "Declare at least one stream to read or one resource to write."


def _list(setting: str, config: Json, kind: Any) -> Any:
    found = []
    for index, raw in enumerate(config.get(setting) or []):
        at = f"{setting}[{index}]"
        spec = yield from _typed(at, raw, kind)
        if spec is not None:
            found.append((at, spec))
    names = Counter(spec.name for _, spec in found)
    for at, spec in found:
        if names[spec.name] > 1:
            yield f"{at}.name", f"{spec.name!r} is there twice: give each a name of its own."
        if not _NAME.fullmatch(spec.name):
            yield f"{at}.name", "Write a short name in small letters, digits and _."
    return found


def _typed(at: str, raw: Any, kind: Any) -> Any:
    """The typed value, None when something is wrong with it."""
    unknown = list(_styles(at, raw, kind))
    yield from unknown
    if unknown:
        return None
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        told = _PLACE.fullmatch(str(error))
        what, place = (told[1], told[2]) if told else (str(error), "")
        yield at + place.replace("[...]", ""), f"{_plain(what)}."
        return None


def _styles(at: str, raw: Any, kind: Any) -> Found:
    """A style nobody knows, told with those there are."""
    if not isinstance(raw, dict):
        return
    if at in ("auth", "webhook"):
        yield from _style(at, raw, kind)
    paging = raw.get("paging")
    if kind is StreamSpec and isinstance(paging, dict):
        yield from _style(f"{at}.paging", paging, Paging)


def _style(at: str, raw: Json, kinds: Any) -> Found:
    known = [str(kind.__struct_config__.tag) for kind in get_args(kinds)]
    if raw.get("style") not in known:
        said = f"There is no style {raw['style']!r}" if "style" in raw else "The style is missing"
        yield f"{at}.style", f"{said}: choose {', '.join(known)}."


def _plain(what: str) -> str:
    """msgspec's words in ours."""
    missing = re.fullmatch(r"Object missing required field `(.*)`", what)
    if missing:
        return f"{missing[1]!r} is missing: add it"
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", what)
    if unknown:
        return f"There is no setting {unknown[1]!r} here: correct its name or remove it"
    wrong = re.fullmatch(r"Expected `(.*)`, got `(.*)`", what)
    if wrong:
        return f"Write {_KINDS.get(wrong[1], wrong[1])} here, not {_KINDS.get(wrong[2], wrong[2])}"
    value = re.fullmatch(r"Invalid enum value '(.*)'", what)
    if value:
        return f"{value[1]!r} is none of the words known here: see docs/rest.md"
    return what


_KINDS = {"str": "text", "int": "a whole number", "float": "a number", "object": "a table",
          "array": "a list", "bool": "true or false"}  # fmt: skip


# ------------------------------------------------------------------ parts


def _path(at: str, path: str) -> Found:
    try:
        paths.steps(path)
    except paths.BadPath as error:
        yield at, str(error)


def _address(at: str, address: str, known: set[str], *, empty: bool = False) -> Found:
    if not address:
        if not empty:
            yield (
                at,
                "The address is missing: write it from the / on that follows the base address.",
            )
        return
    if not address.startswith("/"):
        yield at, "Write the address from the / on that follows the base address."
    yield from _template(at, address, known)


def _template(at: str, template: str, known: set[str]) -> Found:
    if template.count("{") != template.count("}"):
        yield at, f"{template!r} has a brace too few or too many."
    for name in paths.names(template):
        if name.partition(".")[0] not in known:
            names = ", ".join(f"{{{n}}}" for n in sorted(known)) or "no names"
            yield at, f"{{{name}}} means nothing here: there are {names}."


def _headers(headers: Json) -> Found:
    for name, value in headers.items():
        if not isinstance(value, str):
            yield f"headers.{name}", "Write text here."
        elif name.lower() in ("authorization", "proxy-authorization", "cookie"):
            yield f"headers.{name}", "This is a secret: use a style of sign-in."


def _hook(hook: Any) -> Found:
    if isinstance(hook, HmacHook):
        yield from _template("webhook.sign", hook.sign, {"body", "timestamp", "id", "address"})
        told = hook.timestamp_header or hook.parts.get("timestamp")
        if "{timestamp}" in hook.sign and not told:
            yield "webhook.timestamp_header", "The signature holds a timestamp: name its header."
        if "{body}" not in hook.sign:
            yield "webhook.sign", "What is signed must hold {body}: else anything could be pushed."
        if set(hook.parts) - {"signature", "timestamp"} or (
            hook.parts and "signature" not in hook.parts
        ):
            yield "webhook.parts", "Name the part that is the signature, and may be the timestamp."
    ping: Ping | None = getattr(hook, "ping", None)
    if ping is not None and bool(ping.header) is bool(ping.path):
        yield "webhook.ping", "Name either the header or the path that tells a ping."


def _error(at: str, row: ErrorRow | None) -> Found:
    if row is None:
        return
    yield from _path(f"{at}.path", row.path)
    yield from _path(f"{at}.id", row.id)
    if row.values and not row.path:
        yield f"{at}.path", "Name the path in the answer at which one of the values stands."
    if not row.status and not row.path:
        yield at, "Name statuses or a path: this row would fit every refusal."
    if row.means == "missing" and not (row.entity and row.key):
        yield at, "Name the entity that is missing, and its key."
    if row.means == "access" and row.code not in ("", "revoked", "scope-missing"):
        yield f"{at}.code", "For means = access choose revoked or scope-missing."


def _stream(at: str, spec: StreamSpec, *, pushed: bool) -> Found:
    if not spec.address and spec.push is None:
        yield at, "Name the address of the list, or how it is pushed."
    yield from _address(f"{at}.address", spec.address, set(), empty=True)
    for name in ("id", "version", "ref", "records"):
        yield from _path(f"{at}.{name}", getattr(spec, name))
    if not spec.id:
        yield f"{at}.id", "Name the path of the record's id."
    if spec.poll_every < 0:
        yield f"{at}.poll_every", "Write seconds, 1 or more."
    yield from _paging(f"{at}.paging", spec)
    if spec.since is not None:
        yield from _since(f"{at}.since", spec.since)
    if spec.one is not None:
        yield from _address(f"{at}.one.address", spec.one.address, {"id"})
        if "{id}" not in spec.one.address:
            yield f"{at}.one.address", "The address of one record must hold {id}."
        yield from _path(f"{at}.one.record", spec.one.record)
    elif spec.whole:
        yield f"{at}.whole", "Reading each row by itself needs 'one', the address of one record."
    if spec.push is not None:
        yield from _push(f"{at}.push", spec, pushed=pushed)


def _paging(at: str, spec: StreamSpec) -> Found:
    for name in ("path", "more", "total"):
        path = getattr(spec.paging, name, "")
        if not path.startswith("header:"):
            yield from _path(f"{at}.{name}", path)
    if getattr(spec.paging, "size", 1) < 1:
        yield f"{at}.size", "Write a whole number, 1 or more."
    if spec.most_pages < 1:
        yield at.replace("paging", "most_pages"), "Write a whole number, 1 or more."


def _since(at: str, since: Since) -> Found:
    yield from _path(f"{at}.path", since.path)
    if since.overlap < 0:
        yield f"{at}.overlap", "Write 0 or more."


def _push(at: str, spec: StreamSpec, *, pushed: bool) -> Found:
    push = spec.push
    assert push is not None  # noqa: S101 - asked before
    if not pushed:
        yield at, "Nothing can be pushed without a signature: declare 'webhook'."
    if push.header and push.path:
        yield at, "Name either the header or the path that tells which pushes are meant."
    if (push.values or push.deleted) and not (push.header or push.path):
        yield at, "Name the header or the path at which one of the values stands."
    for name in ("path", "record", "id"):
        yield from _path(f"{at}.{name}", getattr(push, name))
    if push.thin and spec.one is None:
        yield f"{at}.thin", "A thin push is read again by 'one', the address of one record: add it."


def _resource(at: str, spec: ResourceSpec) -> Found:
    for name in ("create", "update", "delete"):
        call: Call | None = getattr(spec, name)
        if call is not None:
            yield from _call(f"{at}.{name}", call, made=name != "create")
    source = spec.id.partition(":")
    if source[0] != "header":
        yield from _path(f"{at}.id", source[2] if source[0] == "sent" else spec.id)
    for path in spec.numbers:
        yield from _path(f"{at}.numbers", path)
    if spec.parts and set(spec.parts) != {"each", "key", "id"}:
        yield f"{at}.parts", "Name 'each' (the list), 'key' and 'id' (paths in its items)."
    yield from _template(f"{at}.link", spec.link, {"id", "answer"})
    if not 0 < spec.deadline <= LONGEST:
        yield f"{at}.deadline", f"Write seconds, at most {LONGEST:g}."
    for index, row in enumerate(spec.errors):
        yield from _error(f"{at}.errors[{index}]", row)
    yield from _proof(at, spec)
    yield from _batch(at, spec)
    if spec.accepted is not None:
        yield from _template(f"{at}.accepted.address", spec.accepted.address, {"answer"})
        if spec.proof == "none":
            yield f"{at}.accepted", "What is only accepted needs a proof: key or lookup."


def _call(at: str, call: Call, *, made: bool) -> Found:
    yield from _address(f"{at}.address", call.address, _SENT)
    if not made and "{id}" in call.address:
        yield f"{at}.address", "A record that is created has no {id} there yet."
    if call.method == "GET":
        yield f"{at}.method", "GET changes nothing: choose POST, PUT, PATCH or DELETE."
    yield from _path(f"{at}.wrap", call.wrap)
    yield from _path(f"{at}.send", call.send)


def _proof(at: str, spec: ResourceSpec) -> Found:
    keyed = spec.key is not None and bool(spec.key.header) is not bool(spec.key.path)
    if spec.key is not None and not keyed:
        yield f"{at}.key", "Name either the header or the path that carries our key."
    # A value that is set under a name we choose is its own key: sent twice it is set twice.
    if spec.proof == "key" and spec.key is None and spec.writes != "set":
        yield f"{at}.key", "proof = \"key\" needs 'key': where the system expects our key."
    if spec.proof == "lookup":
        if spec.lookup is None:
            yield f"{at}.lookup", "proof = \"lookup\" needs 'lookup': where our reference is found."
            return
        yield from _address(f"{at}.lookup.address", spec.lookup.address, _SENT)
        yield from _template(f"{at}.lookup.value", spec.lookup.value, _SENT)
        for name in ("records", "id", "ref"):
            yield from _path(f"{at}.lookup.{name}", getattr(spec.lookup, name))
        if not spec.lookup.ref and not paths.names(spec.lookup.address.partition("?")[0]):
            yield (
                f"{at}.lookup.ref",
                "Name the path of our reference in what is found: a search that ignores its "
                "parameter would otherwise hand us somebody else's record.",
            )


def _batch(at: str, spec: ResourceSpec) -> Found:
    batch = spec.batch
    if batch is None:
        return
    yield from _address(f"{at}.batch.address", batch.address, set())
    for name in ("items", "results", "sent_ref", "result_ref", "failed", "status", "id"):
        yield from _path(f"{at}.batch.{name}", getattr(batch, name))
    if not 2 <= batch.size <= 1000:
        yield f"{at}.batch.size", "Write a whole number from 2 to 1000."
    if bool(batch.sent_ref) is not bool(batch.result_ref):
        yield f"{at}.batch", "sent_ref and result_ref go together."
    if spec.proof == "key" and spec.key is not None and spec.key.header:
        yield (
            f"{at}.batch",
            "A key in a header speaks for the whole batch: put it into each record (key.path), or "
            "prove by look-up.",
        )

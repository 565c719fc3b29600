"""The API as a caller sees it: sign in, send, decode, raise what went wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import msgspec

from connectors.rest import auth, errors
from connectors.rest.errors import Exchange
from connectors.rest.settings import ErrorRow, Key, OAuth, Settings
from connectors.sdk.errors import AccessRefused, ConnectorError, OutcomeUnknown, Owner, Unavailable
from connectors.sdk.http import Http, Response
from connectors.sdk.tokens import Tokens

#: Of an answer that isn't JSON, this many bytes are told.
START = 200
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


class Api:
    """``settings`` without problems."""

    def __init__(
        self, http: Http, settings: Settings, secrets: Mapping[str, str], tokens: Tokens
    ) -> None:
        self.http = http
        self.settings = settings
        self.tokens = tokens
        self.base = settings.url.rstrip("/")
        self._secrets = dict(secrets)

    def url(self, address: str, params: Mapping[str, str] | None = None) -> str:
        """``address``: below the base, or whole and of the same origin (a link the API gave).

        Raises AccessRefused (``moved``) for another origin: it would be handed our credentials.
        """
        url = address if "://" in address else self.base + address
        if _origin(url) != _origin(self.base):
            raise AccessRefused(
                f"The system sends us on to {urlsplit(url).netloc}, which is not the address of "
                "this connection: correct the base address if it has moved.",
                code="moved", owner=Owner.PARTNER,
            )  # fmt: skip
        said = urlencode(params or {})
        return url + (("&" if urlsplit(url).query else "?") + said if said else "")

    def joined(self, url: str, link: str) -> str:
        """A link found in the answer of ``url``, as a whole address. A key of ours that it repeats
        is taken out: it is added again when the link is followed, and must not be kept."""
        parts = urlsplit(urljoin(url, link))
        style = self.settings.auth
        if isinstance(style, Key) and style.query:
            pairs = parse_qsl(parts.query, keep_blank_values=True)
            kept = [(name, value) for name, value in pairs if name != style.query]
            parts = parts._replace(query=urlencode(kept))
        return self.url(urlunsplit(parts))

    def get(self, url: str, *, fixed: bool = True, gone: bool = False) -> Response | None:
        """A read that went well; its body is for the caller to decode. ``gone``: None for 404 and
        410. Raises the SDK's errors."""
        answer = self.send("GET", url, reading=True)
        if gone and answer.status in (404, 410):
            return None
        refused = self.refusal(self.exchange(answer, reading=True, fixed=fixed), ())
        if refused is not None:
            raise refused
        return answer

    def refusal(self, exchange: Exchange, own: Sequence[ErrorRow]) -> ConnectorError | None:
        """What is wrong with an answer; None when it went well. A row may name a 2xx, for APIs that
        say no in the body."""
        rows = self.rows(own)
        row = errors.row_for(exchange, rows)
        if exchange.status >= 300 or (row is not None and row.means not in ("exists", "done")):
            return errors.fault(exchange, rows)
        return None

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline: float = 20.0,
        reading: bool = False,
    ) -> Response:
        """One call, whatever its status. With OAuth, an expired token is renewed and the call made
        again: the refusal says that nothing was done."""
        style = self.settings.auth
        auth.has_what_it_needs(style, self._secrets)
        if isinstance(style, OAuth) and not self._secrets.get(auth.TOKEN):
            self._renew(style)
        answer = self._once(method, url, headers or {}, body, deadline, reading)
        if isinstance(style, OAuth) and answer.status in style.expired:
            self._renew(style)
            answer = self._once(method, url, headers or {}, body, deadline, reading)
        return answer

    def _renew(self, style: OAuth) -> None:
        seen = self._secrets.get(auth.TOKEN, "")
        self._secrets = dict(
            self.tokens.renew(
                auth.TOKEN, seen, lambda kept: auth.bought(style, self.http, self.base, kept)
            )
        )

    def _once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: float,
        reading: bool,
    ) -> Response:
        said = {"Accept": "application/json", **self.settings.headers, **headers}
        if body is not None:
            said.setdefault("Content-Type", "application/json")
        url, signature = auth.signed_in(self.settings.auth, self._secrets, method, url, body)
        try:
            answer = self.http.request(
                method, url, headers=said | signature, body=body, deadline=deadline
            )
            return Response(answer.status, answer.headers, _utf8(answer))
        except OutcomeUnknown as error:
            if not reading:
                raise
            raise Unavailable(
                f"The system gave no whole answer ({error}); it will be asked again."
            ) from error

    def exchange(
        self, answer: Response, *, reading: bool, sent: Any = None, fixed: bool = True
    ) -> Exchange:
        """An answer of any status as `errors` judges it."""
        try:
            value = msgspec.json.decode(answer.body) if answer.body.strip() else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            value = None
        start = answer.body[:START].decode("utf-8", "replace")
        return Exchange(answer.status, value, answer.headers, reading, start, sent, fixed)

    def value(self, answer: Response, *, reading: bool, empty: bool = False) -> Any:
        """The decoded body of an answer that went well. ``empty``: it may have none.

        Raises Unavailable or OutcomeUnknown (``page-anomaly``) for anything but JSON.
        """
        if empty and not answer.body.strip():
            return None
        try:
            return msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            exchange = self.exchange(answer, reading=reading)
            raise errors.not_json(exchange, str(error)) from error

    def rows(self, own: Sequence[ErrorRow]) -> list[ErrorRow]:
        """A resource's rows, then those of the connection."""
        return [*own, *self.settings.errors]


def _utf8(answer: Response) -> bytes:
    """The body in UTF-8 without a mark, whatever the header says it is written in. JSON between
    systems is UTF-8 (RFC 8259, 8.1); not everybody knows."""
    body = answer.body.removeprefix(b"\xef\xbb\xbf")
    named = _CHARSET.search(answer.headers.get("content-type", ""))
    if named is None or named[1].lower() in ("utf-8", "utf8"):
        return body
    try:
        return body.decode(named[1]).encode()
    except (LookupError, UnicodeDecodeError):
        return body


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()

"""Object storage in the S3 protocol, every request of it through the hub's own door.

The library's HTTP session is replaced by `Doorway`: an address is judged, a deadline and a largest
size are held, no proxy or redirect is followed, exactly as for any other connector. Credentials
come from the vault alone; environment, files and metadata services of a cloud are not asked.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import s3fs  # type: ignore[import-untyped]
from aiobotocore.awsrequest import AioAWSResponse  # type: ignore[import-untyped]
from aiobotocore.session import AioSession  # type: ignore[import-untyped]
from botocore.compat import HTTPHeaders  # type: ignore[import-untyped]
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]

from connectors.sdk.errors import AccessRefused, Owner, Unavailable
from connectors.sdk.files.place import Place
from connectors.sdk.http import Http

#: Seconds for one request.
DEADLINE = 60.0
#: Read in pieces of this size: one answer must not grow beyond what the door lets in.
PIECE = 8 * 2**20
_ODD = re.compile(r"[^\x21-\x7e]|[\\@#?]")
_HELD_BY_THE_DOOR = {"host", "content-length", "transfer-encoding", "expect", "connection"}


class Doorway:
    """What aiobotocore calls to send a request; the caller's `Http` answers."""

    def __init__(self, http: Http, **_: Any) -> None:
        self._http = http
        #: The library asks whether sessions were closed; there are none to close.
        self._sessions: dict[str, Any] = {}

    async def __aenter__(self) -> Doorway:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def close(self) -> None:
        """Nothing is kept open here."""

    async def send(self, request: Any) -> AioAWSResponse:
        """Raises the SDK's errors; the library passes them through."""
        headers = {
            _text(name): _text(value)
            for name, value in request.headers.items()
            if _text(name).lower() not in _HELD_BY_THE_DOOR
        }
        body = request.body
        if body is not None and not isinstance(body, bytes | bytearray | str):
            body = body.read()
        sent = body.encode() if isinstance(body, str) else bytes(body or b"") or None
        answer = await asyncio.to_thread(
            self._http.request,
            request.method,
            request.url,
            headers=headers,
            body=sent,
            deadline=DEADLINE,
        )
        pairs = HTTPHeaders.from_pairs(list(answer.headers.items()))
        response = AioAWSResponse(request.url, answer.status, pairs, _Body(answer.body))
        if not request.stream_output:
            await response.content
        return response


class _Body:
    """The answer's bytes, as the library reads a stream."""

    def __init__(self, body: bytes) -> None:
        self._rest = body
        #: Where the library looks for the stream within an answer.
        self.content = self

    async def read(self, most: int | None = None) -> bytes:
        cut = len(self._rest) if most is None or most < 0 else most
        taken, self._rest = self._rest[:cut], self._rest[cut:]
        return taken

    async def __aenter__(self) -> _Body:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def close(self) -> None:
        self._rest = b""


class ObjectPlace(Place):
    appears_whole = True
    _fresh = {"refresh": True}

    @staticmethod
    def _changed(info: dict[str, Any]) -> str:
        return str(info.get("ETag") or info.get("LastModified") or "")

    def _read(self, path: str, size: int, most: int) -> bytes:
        end = min(size, most + 1)
        pieces = [
            self.files.cat_file(path, start=start, end=min(start + PIECE, end))
            for start in range(0, end, PIECE)
        ]
        return b"".join(pieces)

    def there(self, folder: str) -> bool:
        """A prefix is there as soon as something is below it; asking proves the bucket."""
        self.find(f"{folder}/*" if folder else "*", 1)
        return True

    def give(self, name: str, content: bytes) -> None:
        """An object is whole as soon as it has its name."""
        with self._told(name):
            self.files.pipe_file(self.path(name), content)

    def _make_folder(self, folder: str) -> None:
        """A prefix needs no making."""

    def _move(self, source: str, target: str) -> None:
        self.files.cp_file(source, target)
        self.files.rm_file(source)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        with super()._told(what):
            try:
                yield
            except FileNotFoundError as error:
                if "bucket does not exist" not in str(error):
                    raise
                raise AccessRefused(
                    f"There is no such bucket ({self.title}): make it, or correct the setting.",
                    code="scope-missing",
                    owner=Owner.PARTNER,
                ) from error
            except BotoCoreError as error:
                raise Unavailable(
                    f"{self.title} can't be used at {what} ({error}): check address, bucket and "
                    "region.",
                    owner=Owner.PARTNER,
                ) from error


class _Files(s3fs.S3FileSystem):
    """The hub decides about tries: one each."""

    retries = 1


def object_place(config: Mapping[str, Any], secrets: Mapping[str, str], http: Http) -> ObjectPlace:
    """``config``: endpoint, region, bucket, path (a prefix). ``secrets``: access_key, secret_key.

    Raises AccessRefused without credentials of its own, or for an address we must not call.
    """
    if not (secrets.get("access_key") and secrets.get("secret_key")):
        raise AccessRefused(
            "Object storage needs an access key and its secret key: enter both.",
            code="revoked",
            owner=Owner.PARTNER,
        )
    endpoint = str(config["endpoint"]).rstrip("/")
    host, port = _end(endpoint)
    # Judged here as well, so that a wrong address is told before the library wraps its request.
    http.address(host, port)
    region = str(config.get("region") or "us-east-1")
    files = _Files(
        key=secrets["access_key"],
        secret=secrets["secret_key"],
        endpoint_url=endpoint,
        session=_session(),
        client_kwargs={"region_name": region},
        config_kwargs={
            "http_session_cls": partial(Doorway, http),
            "signature_version": "s3v4",
            "s3": {"addressing_style": "path", "payload_signing_enabled": True},
            "retries": {"max_attempts": 0},
            "proxies": {},
            # Stores other than Amazon's don't all know the newer checksum trailers.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        },
        cache_regions=False,
        use_listings_cache=False,
        skip_instance_cache=True,
        default_cache_type="none",
    )
    root = "/".join(
        part.strip("/") for part in (config["bucket"], config.get("path") or "") if part
    )
    return ObjectPlace(files, root, f"the bucket {config['bucket']} at {host}")


def _end(endpoint: str) -> tuple[str, int]:
    """Host and port of an address. Raises AccessRefused for what the library couldn't read."""
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or _ODD.search(endpoint):
        raise AccessRefused(
            f"{endpoint[:80]!r} is no address of an object storage: correct it, it is written like "
            "https://s3.example.com.",
            code="scope-missing",
            owner=Owner.PARTNER,
        )
    return host, port or (443 if parts.scheme == "https" else 80)


def _session() -> AioSession:
    """A session that knows no environment variable and no file of the machine."""
    unnamed = {
        name: (None, None, default, convert)
        for name, (_, _, default, convert) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    blind = {"config_file": (None, None, "", None), "credentials_file": (None, None, "", None)}
    return AioSession(session_vars=unnamed | blind)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)

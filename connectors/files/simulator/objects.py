"""An object store: the part of the S3 protocol that file drops use, signatures checked.

Buckets are made by their first object. Access key ``drop`` with the secret key ``drop-secret``.
Sources: Amazon S3's API reference for the operations, "Signature Version 4" for the signing.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from urllib.parse import parse_qsl, quote, unquote

from aiohttp import web

from connectors.sdk.simulation.app import STORE, frame
from connectors.sdk.simulation.store import Row, Store

ACCESS_KEY = "drop"
SECRET_KEY = "drop-secret"  # noqa: S105  a stand-in's
NO_BUCKET = "nowhere"
MOST_LISTED = 3
"""Keys a page of a listing has at most: small, so that paging is used."""


def build(store: Store, args: argparse.Namespace) -> web.Application:
    app = frame(store)
    app.router.add_get("/", _window)
    app.router.add_route("*", "/{bucket}", _bucket)
    app.router.add_route("*", "/{bucket}/{key:.*}", _object)
    return app


# ------------------------------------------------------------------ buckets


async def _bucket(request: web.Request) -> web.Response:
    await _signed(request)
    if request.match_info["bucket"] == NO_BUCKET:
        return _error(404, "NoSuchBucket", "The specified bucket does not exist.")
    if request.method == "HEAD":
        return web.Response()
    if request.method != "GET" or request.query.get("list-type") != "2":
        return _error(400, "InvalidRequest", "This stand-in lists buckets and nothing else.")
    return web.Response(body=_listing(request), content_type="application/xml")


def _listing(request: web.Request) -> bytes:
    bucket, query = request.match_info["bucket"], request.query
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = query.get("continuation-token", "")
    keys, folders = dict[str, Row](), set[str]()
    for name, row in sorted(_rows(request, bucket).items()):
        rest = name[len(prefix) :]
        if not name.startswith(prefix):
            continue
        if delimiter and delimiter in rest:
            folders.add(prefix + rest.split(delimiter)[0] + delimiter)
        else:
            keys[name] = row
    wanted = sorted([*keys, *folders])
    wanted = [name for name in wanted if name > after]
    page, more = wanted[:MOST_LISTED], len(wanted) > MOST_LISTED
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
        f"<Name>{escape(bucket)}</Name><Prefix>{escape(prefix)}</Prefix>",
        f"<KeyCount>{len(page)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>",
    ]
    if more:
        lines.append(f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>")
    for name in page:
        if name in keys:
            row = keys[name]
            lines.append(
                f"<Contents><Key>{escape(name)}</Key><Size>{row['size']}</Size>"
                f"<LastModified>{row['at']}</LastModified><ETag>{row['etag']}</ETag></Contents>"
            )
        else:
            prefixed = f"<Prefix>{escape(name)}</Prefix>"
            lines.append(f"<CommonPrefixes>{prefixed}</CommonPrefixes>")
    return "\n".join([*lines, "</ListBucketResult>"]).encode()


# ------------------------------------------------------------------ objects


async def _object(request: web.Request) -> web.Response:
    body = await _signed(request)
    bucket, key = request.match_info["bucket"], request.match_info["key"]
    store = request.app[STORE]
    if request.method == "PUT":
        copied = request.headers.get("x-amz-copy-source")
        if copied:
            source = store.get("objects", unquote(copied).lstrip("/"))
            if source is None:
                return _error(404, "NoSuchKey", "The specified key does not exist.")
            body = base64.b64decode(source["body"])
        row = _put(store, f"{bucket}/{key}", body)
        if not copied:
            return web.Response(headers={"ETag": row["etag"]})
        result = f"<CopyObjectResult><ETag>{row['etag']}</ETag>" \
                 f"<LastModified>{row['at']}</LastModified></CopyObjectResult>"  # fmt: skip
        return web.Response(text=result, content_type="application/xml")
    if request.method == "DELETE":
        store.drop("objects", f"{bucket}/{key}")
        return web.Response(status=204)
    row = store.get("objects", f"{bucket}/{key}") or {}
    if not row:
        return _error(404, "NoSuchKey", "The specified key does not exist.")
    return _content(request, row)


def _content(request: web.Request, row: Row) -> web.Response:
    body = base64.b64decode(row["body"])
    moment = datetime.fromisoformat(row["at"])
    headers = {"ETag": row["etag"], "Last-Modified": format_datetime(moment, usegmt=True)}
    headers["Content-Type"] = "application/octet-stream"
    wanted = request.headers.get("Range", "")
    if wanted.startswith("bytes="):
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last or len(body) - 1), len(body) - 1)
        headers["Content-Range"] = f"bytes {start}-{end}/{len(body)}"
        return web.Response(status=206, body=body[start : end + 1], headers=headers)
    return web.Response(body=body, headers=headers)


def _put(store: Store, name: str, body: bytes) -> Row:
    etag = '"' + hashlib.md5(body, usedforsecurity=False).hexdigest() + '"'
    at = datetime.now(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    packed = base64.b64encode(body).decode()
    return store.put("objects", name, {"body": packed, "size": len(body), "etag": etag, "at": at})


def _rows(request: web.Request, bucket: str) -> dict[str, Row]:
    table = request.app[STORE].table("objects")
    start = f"{bucket}/"
    return {str(n)[len(start) :]: row for n, row in table.items() if str(n).startswith(start)}


# ------------------------------------------------------------------ signatures


async def _signed(request: web.Request) -> bytes:
    """The body. Raises an S3 error unless the request is signed right, body included."""
    body = await request.read()
    parts = request.headers.get("Authorization", "")
    if not parts.startswith("AWS4-HMAC-SHA256 "):
        raise _refusal("AccessDenied", "Access Denied")
    said = dict(part.strip().split("=", 1) for part in parts[17:].split(","))
    key, day, region, service, _ = said["Credential"].split("/")
    if key != ACCESS_KEY:
        raise _refusal("InvalidAccessKeyId", "The access key you provided does not exist.")
    told = request.headers.get("x-amz-content-sha256", "")
    if told != hashlib.sha256(body).hexdigest():
        raise _refusal("XAmzContentSHA256Mismatch", "The body is not the one that was signed.")
    names = said["SignedHeaders"].split(";")
    canonical = "\n".join(
        [
            request.method,
            request.raw_path.partition("?")[0],
            _canonical_query(request.raw_path.partition("?")[2]),
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names),
            "",
            said["SignedHeaders"],
            told,
        ]
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    text = "\n".join(
        ["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope,
         hashlib.sha256(canonical.encode()).hexdigest()]
    )  # fmt: skip
    secret = f"AWS4{SECRET_KEY}".encode()
    for part in (day, region, service, "aws4_request"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    wanted = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted, said["Signature"]):
        raise _refusal("SignatureDoesNotMatch", "The signature we calculated does not match.")
    return body


def _canonical_query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    return "&".join(f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in sorted(pairs))


def _refusal(code: str, message: str) -> web.HTTPForbidden:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return web.HTTPForbidden(text=body, content_type="application/xml")


def _error(status: int, code: str, message: str) -> web.Response:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return web.Response(status=status, text=body, content_type="application/xml")


async def _window(request: web.Request) -> web.Response:
    rows = "".join(
        f"<tr><td>{escape(str(name))}</td><td>{row['size']}</td><td>{row['at']}</td></tr>"
        for name, row in sorted(request.app[STORE].table("objects").items(), key=str)
    )
    page = f"<!doctype html><title>Object store</title><h1>Object store</h1><table>{rows}</table>"
    return web.Response(text=page, content_type="text/html")

"""What a person fills in about a place, for every connector that speaks files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import takewhile
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from connectors.sdk.errors import ConnectorError, Unavailable
from connectors.sdk.files.drop import Rules
from connectors.sdk.files.folder import folder_place
from connectors.sdk.files.objects import object_place
from connectors.sdk.files.place import Place
from connectors.sdk.files.sftp import sftp_place
from connectors.sdk.http import Http
from connectors.sdk.manifest import Field, Manifest
from connectors.sdk.records import CheckLine, Json

_WILD = set("*?[")
#: What each kind of place can't do without.
NEEDED = {
    "folder": ["folder"],
    "sftp": ["host", "user", "host_key"],
    "s3": ["endpoint", "bucket"],
}


Kind = Literal["text", "url", "secret", "folder", "number"]


def _field(name: str, label: str, help: str, default: Any = None, kind: Kind = "text") -> Field:
    return Field(name=name, label=label, kind=kind, help=help, required=False, default=default)


_WHERE = (
    Field(
        name="place",
        label="Place",
        help="Where the files are: folder (of this machine or a mounted share), sftp or s3.",
    ),
    _field("folder", "Folder", "For a folder: its whole path. The operator must allow it.", "",
           kind="folder"),
    _field("host", "Server", "For SFTP: the server's name.", ""),
    _field("port", "Port", "For SFTP.", 22, kind="number"),
    _field("user", "User", "For SFTP: the name to sign in with.", ""),
    _field("password", "Password", "For SFTP: the user's, or the passphrase of the private key.",
           kind="secret"),
    _field("private_key", "Private key", "For SFTP: in OpenSSH's form, in place of a password.",
           kind="secret"),
    _field("host_key", "Host key", "For SFTP: the server's key, as SHA256:… or as a line like "
           "'ssh-ed25519 AAAA…'. Ask the server's owner; nothing is sent to any other server.", ""),
    _field("endpoint", "Address", "For S3: the store's address, e.g. https://s3.example.com.", "",
           kind="url"),
    _field("region", "Region", "For S3, where the store has regions.", "us-east-1"),
    _field("bucket", "Bucket", "For S3.", ""),
    _field("access_key", "Access key", "For S3.", kind="secret"),
    _field("secret_key", "Secret key", "For S3.", kind="secret"),
    _field("path", "Path", "For SFTP and S3: the folder or prefix all names are below.", ""),
)  # fmt: skip
_HOW = (
    _field("archive", "Archive", "Name of the sub-folder that files move to once they are "
           "stored.", "archive"),
    _field("settle", "Seconds a file must be quiet", "A file whose size or time still changes is "
           "not read. 0 where files appear by renaming.", 2, kind="number"),
    _field("marker", "Marker", "If files are announced by an empty file beside them: its ending, "
           "e.g. .done.", ""),
    _field("incomplete_after", "Minutes until an unfinished file is reported", "", 30,
           kind="number"),
    _field("largest", "Largest file in MB", "Also unpacked, where files come as zip or gzip.", 64,
           kind="number"),
)  # fmt: skip


def with_place(manifest: Manifest) -> Manifest:
    """A connector's own fields after those every place has."""
    return msgspec.structs.replace(manifest, fields=[*_WHERE, *manifest.fields, *_HOW])


def place_problems(config: Json) -> Iterator[tuple[str, str]]:
    """(setting, what is wrong and the mend)."""
    kind = str(config.get("place"))
    if kind not in NEEDED:
        yield "place", f"{kind!r} is no kind of place: use one of {', '.join(NEEDED)}."
        return
    for name in NEEDED[kind]:
        if not str(config.get(name) or "").strip():
            yield name, f"A place of the kind {kind} needs it: add it."
    shelf = str(config.get("archive") or "")
    if not shelf or shelf in (".", "..") or "/" in shelf or "\\" in shelf:
        yield "archive", f"{shelf!r} is no name of a sub-folder: use a plain name like 'archive'."
    for name in ("settle", "incomplete_after", "largest"):
        if float(config.get(name) or 0) < 0:
            yield name, "It can't be below zero."


def open_place(config: Json, secrets: Mapping[str, str], http: Http) -> Place:
    """Raises AccessRefused or Unavailable, with the move."""
    match config["place"]:
        case "sftp":
            return sftp_place(config, secrets, http)
        case "s3":
            return object_place(config, secrets, http)
        case _:
            return folder_place(str(config["folder"]))


def rules_of(config: Json, pattern: str) -> Rules:
    return Rules(
        pattern=pattern,
        settle=_number(config, "settle", 2),
        marker=str(config.get("marker") or ""),
        patience=60 * _number(config, "incomplete_after", 30),
        most=int(_number(config, "largest", 64) * 2**20) or 2**20,
        archive=str(config.get("archive") or "archive"),
    )


def _number(config: Json, name: str, default: float) -> float:
    value = config.get(name)
    return float(default if value is None else value)


def account_of(connector: str, config: Json) -> str:
    """Fingerprint of the place: equal for two connections to the same one."""
    where = {
        "sftp": (config.get("host"), config.get("port"), config.get("path")),
        "s3": (urlsplit(str(config.get("endpoint"))).netloc, config.get("bucket"),
               config.get("path")),
    }.get(str(config.get("place")), (config.get("folder"),))  # fmt: skip
    text = "\0".join(str(part) for part in where)
    return f"{connector}:{config.get('place')}:" + hashlib.sha256(text.encode()).hexdigest()[:32]


def tried(place: Place, patterns: list[str], writes_to: list[str]) -> list[CheckLine]:
    """A check's lines: each pattern listed, each folder written to and cleaned up."""
    lines = [CheckLine(f"open {place.title}", ok=True)]
    for pattern in patterns:
        lines.append(_line(f"list {pattern}", partial(_list, place, pattern)))
    for folder in writes_to:
        name = f"{folder}/.crossdock-check" if folder else ".crossdock-check"
        lines.append(_line(f"write in {folder or 'its root'}", partial(_probe, place, name)))
    return lines


def _list(place: Place, pattern: str) -> None:
    plain = "/".join(takewhile(lambda part: not _WILD & set(part), pattern.split("/")[:-1]))
    if not place.there(plain):
        raise Unavailable(f"The folder {plain} is not there: make it, or correct the pattern.")
    place.find(pattern, 1)


def _probe(place: Place, name: str) -> None:
    place.give(name, b"")
    place.remove(name)


def _line(what: str, attempt: Any) -> CheckLine:
    try:
        attempt()
    except ConnectorError as error:
        return CheckLine(what, ok=False, move=str(error))
    return CheckLine(what, ok=True)

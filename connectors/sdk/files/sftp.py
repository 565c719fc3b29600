"""SFTP: through a socket the hub judged, to a server whose key was agreed beforehand."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import paramiko  # type: ignore[import-untyped]
from fsspec.implementations.sftp import SFTPFileSystem  # type: ignore[import-untyped]

from connectors.sdk.errors import AccessRefused, ConnectorError, Owner, Unavailable
from connectors.sdk.files.place import Place
from connectors.sdk.http import Http

# Every failure is told by an exception of ours; the library would log each as a traceback too.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

#: Seconds for each exchange with the server.
DEADLINE = 30.0
#: Bytes asked for at once: SFTP's own packets are too small for a line with some delay.
_AHEAD = 2**20
_KEYS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


class Agreed(paramiko.MissingHostKeyPolicy):
    """Lets in the one key that was agreed; every key is "missing" to a client without a list."""

    def __init__(self, agreed: str) -> None:
        self.agreed = agreed.strip()

    def missing_host_key(self, client: Any, hostname: str, key: paramiko.PKey) -> None:
        """Raises AccessRefused for any other key."""
        shown = fingerprint(key.asbytes())
        if not self.agreed:
            why = "no key was agreed yet"
        elif _same(self.agreed, shown, key):
            return
        else:
            why = f"agreed was {self.agreed[:80]}"
        raise AccessRefused(
            f"The file server {hostname} shows the key {key.get_name()} {shown}, and {why}: "
            "compare it with the server's owner on another way, and enter it as the host key only "
            "if it is theirs.",
            code="host-key",
            owner=Owner.PARTNER,
        )


def fingerprint(blob: bytes) -> str:
    """As OpenSSH shows it: ``SHA256:`` and unpadded base64 of the key's digest."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _same(agreed: str, shown: str, key: paramiko.PKey) -> bool:
    if agreed.startswith("SHA256:"):
        return agreed.rstrip("=") == shown
    words = agreed.split()
    return len(words) >= 2 and words[:2] == [key.get_name(), key.get_base64()]


class SftpFiles(SFTPFileSystem):
    """The library's file system over a connection that stands already."""

    def mv(self, old: str, new: str) -> None:
        """A rename that replaces; some servers only know the one that doesn't."""
        try:
            self.ftp.posix_rename(old, new)
        except OSError:
            with suppress(OSError):
                self.ftp.remove(new)
            self.ftp.rename(old, new)


class SftpPlace(Place):
    def _info(self, path: str) -> dict[str, Any]:
        # Of the name itself: the library's own look follows links.
        info: dict[str, Any] = self.files._decode_stat(
            self.files.ftp.lstat(path) if path != self.root else self.files.ftp.stat(path)
        )
        return info

    def _read(self, path: str, size: int, most: int) -> bytes:
        with self.files.ftp.open(path, "rb", bufsize=_AHEAD) as file:
            file.prefetch(min(size, most + 1))
            return bytes(file.read(min(size, most) + 1))

    def close(self) -> None:
        self.files.client.close()

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        with super()._told(what):
            try:
                yield
            except paramiko.SSHException as error:
                raise Unavailable(
                    f"{self.title} broke off at {what} ({error}): it is tried again.",
                    owner=Owner.PARTNER,
                ) from error


def sftp_place(config: Mapping[str, Any], secrets: Mapping[str, str], http: Http) -> SftpPlace:
    """``config``: host, port, user, host_key, path. ``secrets``: password, or private_key (and
    password as its passphrase).

    Raises AccessRefused for a key or sign-in that isn't accepted, Unavailable if nobody answers.
    """
    host, port = str(config["host"]), int(config["port"])
    key = _private_key(secrets)
    if key is None and not secrets.get("password"):
        raise AccessRefused(
            "An SFTP server needs a password or a private key: enter one of them.",
            code="revoked",
            owner=Owner.PARTNER,
        )
    sock = http.connect(host, port, DEADLINE)
    try:
        files = SftpFiles(
            host,
            port=port,
            sock=sock,
            username=str(config["user"]),
            password=secrets.get("password") or None if key is None else None,
            pkey=key,
            host_key_policy=Agreed(str(config["host_key"] or "")),
            # Only what was entered counts: no agent, no key of the machine's own.
            allow_agent=False,
            look_for_keys=False,
            timeout=DEADLINE,
            banner_timeout=DEADLINE,
            auth_timeout=DEADLINE,
            channel_timeout=DEADLINE,
            skip_instance_cache=True,
        )
        files.ftp.get_channel().settimeout(DEADLINE)
    except paramiko.AuthenticationException as error:
        raise AccessRefused(
            f"{host} doesn't accept the user {config['user']} with this password or key: enter "
            "working ones, then resume the connection.",
            code="revoked",
        ) from error
    except ConnectorError:
        sock.close()
        raise
    except (paramiko.SSHException, OSError, EOFError) as error:
        sock.close()
        raise Unavailable(
            f"{host} answers, but not as an SFTP server ({error or type(error).__name__}): "
            "check the port, and that its SFTP service runs.",
            owner=Owner.PARTNER,
        ) from error
    root = str(config.get("path") or ".")
    place = SftpPlace(files, root, f"the SFTP server {host}")
    if not place.there(""):
        place.close()
        raise Unavailable(
            f"The folder {root} is not there on {host}: make it, or correct the path.",
            owner=Owner.PARTNER,
        )
    return place


def _private_key(secrets: Mapping[str, str]) -> paramiko.PKey | None:
    """Raises AccessRefused for text that is no key, or whose passphrase is wrong."""
    text = secrets.get("private_key") or ""
    if not text.strip():
        return None
    for kind in _KEYS:
        with suppress(paramiko.SSHException, ValueError):
            return kind.from_private_key(io.StringIO(text), secrets.get("password") or None)
    raise AccessRefused(
        "The private key can't be read: enter it whole in OpenSSH's form (Ed25519, ECDSA or RSA), "
        "with its passphrase as the password.",
        code="revoked",
        owner=Owner.PARTNER,
    )

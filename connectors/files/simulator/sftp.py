"""An SFTP server over a folder, in a thread: a real SSH handshake for the tests.

User ``drop`` with the password ``drop-secret``, or with the key it was started with.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko  # type: ignore[import-untyped]

USER = "drop"
PASSWORD = "drop-secret"  # noqa: S105  a stand-in's


@dataclass
class FileServer:
    """``posix``: whether it knows the rename that replaces. ``connections``: how many came."""

    root: Path
    host_key: paramiko.PKey
    port: int = 0
    allowed: paramiko.PKey | None = None
    posix: bool = True
    connections: list[paramiko.Transport] = field(default_factory=list)

    @property
    def host_key_line(self) -> str:
        return f"{self.host_key.get_name()} {self.host_key.get_base64()}"


@contextmanager
def serving(
    root: Path, *, allowed: paramiko.PKey | None = None, posix: bool = True
) -> Iterator[FileServer]:
    """A server on a free loopback port; its paths begin at ``root``."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = FileServer(root, paramiko.ECDSAKey.generate(), listener.getsockname()[1], allowed,
                        posix)  # fmt: skip
    stopping = threading.Event()

    def accept() -> None:
        while not stopping.is_set():
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with suppress(paramiko.SSHException, EOFError, OSError):
                _serve(peer, server)

    thread = threading.Thread(target=accept, name="sftp", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        stopping.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for transport in server.connections:
            transport.close()
        thread.join(10)


def _serve(peer: socket.socket, server: FileServer) -> None:
    transport = paramiko.Transport(peer)
    transport.add_server_key(server.host_key)
    transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, server)
    server.connections.append(transport)
    transport.start_server(server=_Door(server))


class _Door(paramiko.ServerInterface):
    def __init__(self, server: FileServer) -> None:
        self._server = server

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_auth_password(self, username: str, password: str) -> int:
        fits = (username, password) == (USER, PASSWORD) and self._server.allowed is None
        return paramiko.AUTH_SUCCESSFUL if fits else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        fits = username == USER and key == self._server.allowed
        return paramiko.AUTH_SUCCESSFUL if fits else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, door: Any, served: FileServer, *args: Any, **kwargs: Any) -> None:
        super().__init__(door, *args, **kwargs)
        self._server = served

    def _path(self, path: str) -> Path:
        return self._server.root / os.path.normpath("/" + path).lstrip("/")

    def list_folder(self, path: str) -> Any:
        try:
            found = [
                paramiko.SFTPAttributes.from_stat(one.lstat(), one.name)
                for one in self._path(path).iterdir()
            ]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        return found

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).stat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def lstat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).lstat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def open(self, path: str, flags: int, attr: Any) -> Any:
        handle = paramiko.SFTPHandle(flags)
        mode = "rb" if not flags & (os.O_WRONLY | os.O_RDWR) else "wb"
        try:
            file = self._path(path).open(mode)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        handle.filename = str(path)
        handle.readfile = handle.writefile = file
        return handle

    def remove(self, path: str) -> int:
        return self._tried(lambda: self._path(path).unlink())

    def mkdir(self, path: str, attr: Any) -> int:
        return self._tried(lambda: self._path(path).mkdir())

    def rename(self, oldpath: str, newpath: str) -> int:
        if self._path(newpath).exists():
            return int(paramiko.SFTP_FAILURE)
        return self._tried(lambda: self._path(oldpath).rename(self._path(newpath)))

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        if not self._server.posix:
            return int(paramiko.SFTP_OP_UNSUPPORTED)
        return self._tried(lambda: self._path(oldpath).replace(self._path(newpath)))

    @staticmethod
    def _tried(act: Any) -> int:
        try:
            act()
        except OSError as error:
            return int(paramiko.SFTPServer.convert_errno(error.errno or 0))
        return int(paramiko.SFTP_OK)

"""Something on loopback that nobody may reach: it counts who came."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Loopback:
    """Listens on one port of 127.0.0.1 and, where the machine has it, of ::1."""

    def __init__(self) -> None:
        self._doors = [socket.create_server(("127.0.0.1", 0))]
        self.port = int(self._doors[0].getsockname()[1])
        with contextlib.suppress(OSError):
            self._doors.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        self._came: set[int] = set()
        self._changed = threading.Condition()
        for door in self._doors:
            threading.Thread(target=self._accept, args=(door,), daemon=True).start()

    def _accept(self, door: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                visitor, (_, port, *_) = door.accept()
                visitor.close()
                with self._changed:
                    self._came.add(port)
                    self._changed.notify_all()

    def hits(self) -> int:
        """How many came since it was last asked. Our own visit comes last in each door's queue,
        so nobody who came before it is overlooked."""
        own = set()
        for door in self._doors:
            with socket.create_connection(door.getsockname()[:2], timeout=60) as visit:
                own.add(int(visit.getsockname()[1]))
        with self._changed:
            arrived = self._changed.wait_for(lambda: own <= self._came, timeout=60)
            assert arrived, "the listener of these tests doesn't listen"
            hits = len(self._came - own)
            self._came.clear()
        return hits

    def close(self) -> None:
        for door in self._doors:
            with contextlib.suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            door.close()


@contextlib.contextmanager
def loopback() -> Iterator[Loopback]:
    made = Loopback()
    try:
        yield made
    finally:
        made.close()

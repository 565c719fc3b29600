"""A host whose clock is wrong: `time.time`, `time.time_ns` and ``datetime.now`` of one process.

Monotonic clocks stay right, as they do on such a host. Imported before everything else, so that
whoever takes these names from their modules gets the wrong clock.
"""

from __future__ import annotations

import copyreg
import datetime as _datetime
import time as _time
from typing import Any

_real = _datetime.datetime


class _Kind(type):
    """Every real datetime is an instance of the shifted class, and there are no others: C code
    (psycopg, msgspec) knows the real one only."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _real)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _real)


def shift(seconds: float) -> None:
    """From now on this process's wall clock is ``seconds`` ahead. Call once, at its very start."""
    true_time, true_time_ns = _time.time, _time.time_ns
    ahead, ahead_ns = float(seconds), int(seconds * 1_000_000_000)

    def time() -> float:
        return true_time() + ahead

    def time_ns() -> int:
        return true_time_ns() + ahead_ns

    class Shifted(_real, metaclass=_Kind):
        def __new__(cls, *parts: Any, **more: Any) -> Any:
            return _real(*parts, **more)

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return _real.fromtimestamp(time(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return _real.fromtimestamp(time(), _datetime.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return _real.fromtimestamp(time())

    Shifted.__name__ = Shifted.__qualname__ = "datetime"
    Shifted.__module__ = "datetime"
    for name in ("fromtimestamp", "fromisoformat", "combine", "strptime", "utcfromtimestamp",
                 "fromordinal", "fromisocalendar"):  # fmt: skip
        setattr(Shifted, name, getattr(_real, name))

    # Pickled by the name `datetime.datetime`, which is now the shifted class.
    def by_name(moment: Any) -> Any:
        return Shifted, moment.__reduce__()[1]

    copyreg.pickle(_real, by_name)
    _time.time, _time.time_ns = time, time_ns
    _datetime.datetime = Shifted  # type: ignore[misc]

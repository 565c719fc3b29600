"""The cache while Redis is away: it remembers nothing, and nobody has to mind.

Redis only makes things quicker here. Sign-in throttling fails open for that while, on purpose: the
alternative is that nobody can sign in to see what is wrong. Every miss of that kind is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis import RedisError

from kernel.telemetry.metrics import counter

AWAY = counter("cache_away", "Cache operations given up because Redis didn't answer.")


def _forgiving(operation: str, instead: Callable[..., Any]) -> Callable[..., Any]:
    """The operation of RedisCache; when Redis is away, what ``instead`` makes of the arguments."""
    real = getattr(RedisCache, operation)

    @wraps(real)
    def attempt(self: RedisCache, *args: Any, **kwargs: Any) -> Any:
        try:
            return real(self, *args, **kwargs)
        except RedisError:
            AWAY.inc()
            return instead(*args, **kwargs)

    return attempt


def _default(_key: Any, default: Any = None, version: int | None = None) -> Any:
    return default


def _no_counter(key: Any, *_args: Any, **_kwargs: Any) -> int:
    """What Django promises for a key that isn't there."""
    raise ValueError(f"The key {key!r} is not in the cache.")


class ForgetfulRedisCache(RedisCache):
    """RedisCache that behaves like an empty cache when Redis doesn't answer."""

    get = _forgiving("get", _default)
    get_many = _forgiving("get_many", lambda *_a, **_k: {})
    has_key = _forgiving("has_key", lambda *_a, **_k: False)
    add = _forgiving("add", lambda *_a, **_k: True)
    set = _forgiving("set", lambda *_a, **_k: None)
    set_many = _forgiving("set_many", lambda *_a, **_k: [])
    touch = _forgiving("touch", lambda *_a, **_k: False)
    delete = _forgiving("delete", lambda *_a, **_k: False)
    delete_many = _forgiving("delete_many", lambda *_a, **_k: None)
    incr = _forgiving("incr", _no_counter)

"""Redis carries "connection N has work" and nothing else; losing a ring costs seconds.

The order matters (engine rule 7.2): the ringer commits, then sets the bell and sends if it was
not set; the worker deletes the bell *before* it reads. Otherwise a ring could fall between the
worker's empty read and its clearing of the bell, and nobody would wake up.
"""

from __future__ import annotations

import uuid
from functools import cache
from typing import Literal

import redis
import structlog
from django.conf import settings

log = structlog.get_logger(__name__)

Bell = Literal["inbox", "deliveries", "poll", "listen", "housekeeping"]

#: A bell whose message was lost (a killed worker had fetched it) is rung again by the sweep after
#: this. Shorter, and a queue that is long rings for itself.
BELL_SECONDS = 5


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def _name(schema: str, bell: Bell, subject: uuid.UUID | str) -> str:
    return f"bell:{schema}:{bell}:{subject}"


def set_bell(schema: str, bell: Bell, subject: uuid.UUID | str) -> bool:
    """True if it was not set: the caller must send. Raises redis.RedisError."""
    return bool(_client().set(_name(schema, bell, subject), 1, nx=True, ex=BELL_SECONDS))


def clear(schema: str, bell: Bell, subject: uuid.UUID | str) -> None:
    """Call before reading what is due. Without Redis there is no bell to clear."""
    try:
        _client().delete(_name(schema, bell, subject))
    except redis.RedisError as error:
        log.warning("doorbell.clear_failed", bell=bell, error=type(error).__name__)

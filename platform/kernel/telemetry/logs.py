"""One JSON object a line, each saying whose and what: partner, merchant, connection, record.

The context is bound where work is entered (`bound`) and lands on every line below, also on lines
of libraries that use the standard logging. Secrets and personal data are masked last of all.
"""

from __future__ import annotations

import logging
import logging.config
import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

CONTEXT = ("partner", "merchant", "connection", "record")
MASK = "[masked]"
SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?$|secret|token|authorization|cookie|api_?key|private_?key|signature"
    r"|credential|consumer_?key|session_?id",
    re.IGNORECASE,
)
PERSONAL_NAME = re.compile(
    r"e_?mail|phone|first_?name|last_?name|full_?name|address|street|birth|iban|card_?number",
    re.IGNORECASE,
)
INLINE = (
    re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9+/=._~-]{8,}"),
    re.compile(r"\b[\w.+-]+@[\w-]+(\.[\w-]+)+\b"),
    re.compile(r"(?i)(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
    re.compile(r"\bc[ks]_[0-9a-f]{16,}\b"),
    re.compile(r"(?i)\b(password|secret|token|api_?key|consumer_secret)=[^&\s]+"),
)
DEPTH = 6
"""Nesting beyond this is masked whole: nobody reads it in a log, and cycles end."""


def log(name: str = "crossdock") -> Any:
    """A logger: ``log(__name__).info("delivery settled", attempt=2)``."""
    return structlog.get_logger(name)


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Put fields on every line logged in the body; the values before come back afterwards."""
    with structlog.contextvars.bound_contextvars(**fields):
        yield


def redacted(value: Any, name: str = "", depth: int = DEPTH) -> Any:
    """The value without secrets and personal data: by field name, and inside text by shape."""
    if name and (SECRET_NAME.search(name) or PERSONAL_NAME.search(name)):
        return MASK
    if isinstance(value, str):
        for pattern in INLINE:
            value = pattern.sub(MASK, value)
        return value
    if isinstance(value, bytes):
        return f"[{len(value)} bytes]"
    if isinstance(value, Mapping):
        if depth == 0:
            return MASK
        return {str(k): redacted(v, str(k), depth - 1) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return MASK if depth == 0 else [redacted(item, "", depth - 1) for item in value]
    if isinstance(value, (int, float, bool)) or value is None:
        return value
    return redacted(str(value), "", depth)


def configure(settings: Mapping[str, Any]) -> None:
    """Django's LOGGING_CONFIG: route everything to standard error. ``settings``: {"level": …}."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _with_context,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _masked,
            structlog.processors.JSONRenderer(default=str),
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.get("level", "INFO"))


def _with_context(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The four fields are on every line, so a search by one of them never misses by absence."""
    for field in CONTEXT:
        event.setdefault(field, None)
    return event


def _masked(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {name: redacted(value, name) for name, value in event.items()}

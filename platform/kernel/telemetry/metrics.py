"""What a process counts about itself, for Prometheus. Each process exposes its own numbers.

Cardinality discipline: labels are things the *code* enumerates (connector, step, outcome, cause
code), never things that grow with customers or data (partner, merchant, connection, SKU, URL).
`counter`, `gauge` and `histogram` refuse any other label. Per-partner figures are queries.
"""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    start_http_server,
)

from kernel.telemetry.logs import log

ALLOWED_LABELS = frozenset(
    {"connector", "step", "outcome", "code", "entity", "queue", "cause", "method", "process"}
)
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class UnboundedLabel(ValueError):
    """A metric asked for a label whose values grow with the data; count by code instead."""


def counter(name: str, what: str, labels: tuple[str, ...] = ()) -> Counter:
    """A figure that only rises, ``crossdock_<name>_total``. Raises UnboundedLabel."""
    return Counter(name, what, _bounded(name, labels), namespace="crossdock")


def gauge(name: str, what: str, labels: tuple[str, ...] = ()) -> Gauge:
    """A figure that goes up and down, ``crossdock_<name>``. Raises UnboundedLabel."""
    return Gauge(name, what, _bounded(name, labels), namespace="crossdock")


def histogram(name: str, what: str, labels: tuple[str, ...] = ()) -> Histogram:
    """Seconds, ``crossdock_<name>``. Raises UnboundedLabel."""
    return Histogram(name, what, _bounded(name, labels), namespace="crossdock", buckets=SECONDS)


def exposition() -> tuple[bytes, str]:
    """(text of every metric of this process, its content type)."""
    return generate_latest(), CONTENT_TYPE_LATEST


def serve(port: int) -> None:
    """Expose this process's metrics on loopback, for processes that aren't the web."""
    start_http_server(port, addr="127.0.0.1")


def serve_if_asked() -> None:
    """Expose them on CROSSDOCK_METRICS_PORT, if set. A taken port costs the figures, not the
    process."""
    port = os.environ.get("CROSSDOCK_METRICS_PORT", "")
    if port.isdigit():
        try:
            serve(int(port))
        except OSError as error:
            log().warning("metrics.port_taken", port=port, error=str(error))


def _bounded(name: str, labels: tuple[str, ...]) -> tuple[str, ...]:
    strange = sorted(set(labels) - ALLOWED_LABELS)
    if strange:
        raise UnboundedLabel(
            f"The metric {name} can't have the label {strange[0]!r}: use one of "
            f"{', '.join(sorted(ALLOWED_LABELS))}, or answer it with a query."
        )
    return labels


PROCESSED = counter("steps", "Steps of the path done, by outcome.", ("step", "outcome"))
STEP_SECONDS = histogram("step_seconds", "How long a step of the path took.", ("step",))
CALLS = counter("calls", "Calls to outside systems, by outcome.", ("connector", "outcome"))
CALL_SECONDS = histogram("call_seconds", "How long outside systems took.", ("connector",))
EGRESS_REFUSED = counter("egress_refused", "Calls refused because of where they would go.")
DUE = gauge("work_due", "Rows of work that are due now, all partners together.")
OLDEST_DUE = gauge("work_oldest_due_seconds", "How long the oldest due row has waited.")
SWEEPS = counter("sweeps", "Sweeps for due retries, expired leases and lost doorbells.")

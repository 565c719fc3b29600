"""The processes of an installation: what runs, on which port, with how many threads."""

from __future__ import annotations

import contextlib
import http.client
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hub.runtime.complaint import Complaint
from hub.runtime.home import ROOT
from hub.runtime.process import Process

HOST = "127.0.0.1"
"""Everything listens on loopback; what faces the world is a proxy's business."""

DEFAULT_PORT = 8000

WEB_THREADS = 4
WORKER_THREADS = 4


@dataclass(frozen=True)
class Ports:
    """Web on the port one asked for, ingress on the next, simulators from the one after."""

    web: int = DEFAULT_PORT

    @property
    def ingress(self) -> int:
        return self.web + 1

    @property
    def simulators(self) -> int:
        """The first of the ports that simulators may take."""
        return self.web + 2

    @property
    def metrics(self) -> int:
        """The first of the ports on which the other processes expose their metrics."""
        return self.web + 20


def processes(ports: Ports, environ: Mapping[str, str]) -> list[Process]:
    """Web, ingress, two workers and the scheduler, to be run in ``environ``."""

    exposed = iter(range(ports.metrics, ports.metrics + 10))

    def ours(name: str, *arguments: str, ready: Callable[[int], bool] | None = None) -> Process:
        argv = (sys.executable, "-m", *arguments)
        env = {**environ, "CROSSDOCK_METRICS_PORT": str(next(exposed))}
        return Process(name=name, argv=argv, env=env, cwd=ROOT, ready=ready)

    worker = (
        *("dramatiq", "hub.config.worker", "--processes", "1"),
        *("--threads", str(WORKER_THREADS), "--skip-logging", "--worker-shutdown-timeout", "8000"),
    )
    return [
        ours(
            "web",
            *("granian", "--interface", "wsgi", "--host", HOST, "--port", str(ports.web)),
            *("--workers", "1", "--blocking-threads", str(WEB_THREADS), "--no-ws"),
            "hub.config.wsgi:application",
            ready=answers(ports.web),
        ),
        ours(
            "ingress",
            *("granian", "--interface", "rsgi", "--host", HOST, "--port", str(ports.ingress)),
            *("--workers", "1", "--no-ws"),
            "hub.sync.ingress:app",
            ready=answers(ports.ingress),
        ),
        ours("worker-1", *worker),
        ours("worker-2", *worker),
        ours("scheduler", "hub.config.schedule"),
    ]


def answers(port: int, path: str = "/healthz") -> Callable[[int], bool]:
    """Ready when ``port`` gives any HTTP answer that is not a server's error."""

    def ready(pid: int) -> bool:
        line = http.client.HTTPConnection(HOST, port, timeout=2)
        with contextlib.closing(line), contextlib.suppress(OSError, http.client.HTTPException):
            line.request("GET", path, headers={"Host": f"localhost:{port}"})
            return line.getresponse().status < 500
        return False

    return ready


def check_ports(*ports: int) -> None:
    """Raises Complaint naming the first of ``ports`` that somebody listens on."""
    for port in ports:
        with socket.socket() as probe:
            # Without SO_REUSEPORT: with it, two servers would share the port and not notice.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except (OSError, OverflowError):
                raise Complaint(
                    f"Port {port} cannot be had: another program uses it, or it is reserved.",
                    "Stop that program, or choose another with --port N.",
                ) from None

"""The frame of a simulator: application, control routes, command line.

Control routes (never part of the real system's API):
    GET  /_sim/faults    {"armed": [...], "bitten": {kind: n}}
    POST /_sim/faults    {"kind", "match"?, "method"?, "count"?, "seconds"?, "delay"?, "after"?}
    DELETE /_sim/faults  disarm all
    GET  /               the simulator's window, a page for people
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from aiohttp import web

from connectors.sdk.simulation.faults import Faults, Handler
from connectors.sdk.simulation.store import Store

STORE: web.AppKey[Store] = web.AppKey("store", Store)
FAULTS: web.AppKey[Faults] = web.AppKey("faults", Faults)


def frame(store: Store) -> web.Application:
    """An application with faults, saving after each request, and the control routes."""
    faults = Faults()

    @web.middleware
    async def saving(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        finally:
            store.save()

    app = web.Application(middlewares=[faults.middleware, saving], client_max_size=64 * 2**20)
    app[STORE] = store
    app[FAULTS] = faults
    app.router.add_get("/_sim/faults", _show_faults)
    app.router.add_post("/_sim/faults", _arm_fault)
    app.router.add_delete("/_sim/faults", _disarm)
    return app


async def _show_faults(request: web.Request) -> web.Response:
    faults = request.app[FAULTS]
    return web.json_response(
        {"armed": [asdict(f) for f in faults.armed], "bitten": dict(faults.bitten)}
    )


async def _arm_fault(request: web.Request) -> web.Response:
    wanted = await request.json()
    try:
        request.app[FAULTS].arm(wanted.pop("kind", ""), **wanted)
    except (KeyError, TypeError) as error:
        raise web.HTTPBadRequest(text=f"no such fault: {error}") from error
    return web.json_response({"armed": True}, status=201)


async def _disarm(request: web.Request) -> web.Response:
    request.app[FAULTS].armed.clear()
    return web.json_response({"armed": False})


def serve(build: Callable[[Store, argparse.Namespace], web.Application], title: str) -> None:
    """Run a simulator from the command line: ``--port N --state FILE``, loopback only."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--folder", type=Path, help="drop folder, for systems that speak files")
    args = parser.parse_args()
    args.state.parent.mkdir(parents=True, exist_ok=True)
    store = Store(args.state)
    web.run_app(build(store, args), host="127.0.0.1", port=args.port, print=None, access_log=None)

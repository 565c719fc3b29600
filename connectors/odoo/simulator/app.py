"""The stand-in as an application: Odoo's API, the control routes and the window."""

from __future__ import annotations

import argparse

from aiohttp import web

from connectors.odoo.simulator.api import DATABASE, json_2
from connectors.odoo.simulator.control import ACTS, LOOKS, handler, plug
from connectors.odoo.simulator.database import Database
from connectors.odoo.simulator.window import page
from connectors.sdk.simulation.app import frame
from connectors.sdk.simulation.store import Store


def build(store: Store, args: argparse.Namespace | None = None) -> web.Application:
    """The application over a store. Everything is in the store: a restart goes on from there."""
    app = frame(store)
    app[DATABASE] = Database(store)
    app.router.add_post("/json/2/{model}/{method}", json_2)
    for name in ACTS:
        route = app.router.add_get if name in LOOKS else app.router.add_post
        route(f"/_sim/{name}", handler(name))
    app.router.add_post("/_sim/plug", plug)
    app.router.add_get("/", page)
    return app

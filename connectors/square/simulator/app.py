"""The stand-in as an application: API, till, webhooks, control routes and window."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from connectors.sdk.simulation.app import frame
from connectors.sdk.simulation.store import Store
from connectors.square.simulator import api, control, tokens, webhooks
from connectors.square.simulator.catalog import Catalog
from connectors.square.simulator.seller import Seller
from connectors.square.simulator.stockroom import Stockroom
from connectors.square.simulator.till import Till


def build(store: Store, args: argparse.Namespace) -> web.Application:
    app = frame(store)
    seller = Seller(store)
    tokens.prepare(seller)
    catalog, stockroom = Catalog(seller), Stockroom(seller)
    app[api.SELLER], app[api.CATALOG], app[api.STOCKROOM] = seller, catalog, stockroom
    app[control.TILL] = Till(seller, catalog, stockroom)
    app[control.DELIVERIES] = webhooks.Deliveries(seller)
    app.cleanup_ctx.append(_time)
    api.add_routes(app)
    control.add_routes(app)
    return app


async def _time(app: web.Application) -> AsyncIterator[None]:
    """Webhooks go out and offline tills come back while nobody asks anything."""

    async def pass_by() -> None:
        while True:
            app[control.TILL].tick()
            webhooks.enqueue(app[api.SELLER])
            app[api.SELLER].store.save()
            await asyncio.sleep(float(app[api.SELLER].settings["tick"]))

    tasks = [asyncio.create_task(pass_by()), asyncio.create_task(app[control.DELIVERIES].run())]
    yield
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

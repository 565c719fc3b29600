"""``POST /json/2/<model>/<method>``: who asks, what is called, one transaction, one answer."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

import msgspec
from aiohttp import web

from connectors.odoo.simulator import errors
from connectors.odoo.simulator.database import Database
from connectors.odoo.simulator.generic import GENERIC
from connectors.odoo.simulator.hooks import METHODS
from connectors.odoo.simulator.records import ADMIN, BOT, Env
from connectors.odoo.simulator.schema import SCHEMA

DATABASE: web.AppKey[Database] = web.AppKey("database", Database)

#: Keys the stand-in takes; seeding can set others (table ``_keys``).
KEYS = {"odoo-sim-key": BOT, "odoo-sim-admin": ADMIN}


def now() -> str:
    """The transaction's start: UTC, whole seconds, as Odoo shows datetimes."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


async def json_2(request: web.Request) -> web.Response:
    model, method = request.match_info["model"], request.match_info["method"]
    db = request.app[DATABASE]
    raw = await request.read()
    try:
        uid = _identify(db, request.headers.get("Authorization", ""))
        arguments = _arguments(raw)
        result = call(db, model, method, arguments, uid)
        return _answer(200, result)
    except errors.OdooError as error:
        headers = {"WWW-Authenticate": "Bearer "} if error.status == 401 else {}
        return _answer(error.status, error.body(), headers)


def _answer(status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode(body),
        headers={"Server": "Werkzeug/3.0.1 Python/3.12.1", **(headers or {})},
        content_type="application/json",
        charset="utf-8",
    )


def _identify(db: Database, header: str) -> int:
    scheme, _, key = header.partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise errors.unauthorized(
            "User not authenticated, use an API Key with a Bearer Authorization header."
        )
    known = db.store.get("_keys", key)
    uid = known["uid"] if known else KEYS.get(key)
    if uid is None:
        raise errors.unauthorized("Invalid apikey")
    return int(uid)


def _arguments(raw: bytes) -> dict[str, Any]:
    try:
        # The standard library's decoder because its message is part of Odoo's answer.
        arguments = json.loads(raw or b"{}")
    except json.JSONDecodeError as error:
        raise errors.bad_request(f"could not parse the body as json: {error}") from error
    if not isinstance(arguments, dict):
        raise errors.bad_request("could not parse the body as json: expected an object")
    return arguments


def call(
    db: Database, model: str, method: str, arguments: dict[str, Any], uid: int, at: str = ""
) -> Any:
    """Run one method in one transaction: all of it, or nothing and an OdooError.

    ``at``: when the transaction began, if that was earlier than now.
    """
    function = function_of(model, method)
    arguments = dict(arguments)
    env = Env(db, at or now(), uid, arguments.pop("context", None) or {})
    given = given_to(model, function, arguments)
    try:
        result = function(env, **given)
    except Exception:
        # Whatever went wrong, the transaction must leave nothing behind.
        db.rollback()
        raise
    db.commit()
    return result


def function_of(model: str, method: str) -> Callable[..., Any]:
    """A model's method. Raises OdooError as Odoo does for private and unknown ones."""
    if model not in SCHEMA:
        raise errors.not_found(f"the model '{model}' does not exist")
    if method.startswith("_"):
        raise errors.access(
            f"Private methods (such as '{model}.{method}') cannot be called remotely."
        )
    own = METHODS.get(model, {})
    if method not in own and method not in GENERIC:
        raise errors.not_found(f"The method '{model}.{method}' does not exist")
    return cast(Callable[..., Any], own.get(method) or GENERIC[method])


@cache
def _parameters(function: Callable[..., Any]) -> dict[str, bool]:
    """Keyword arguments of a method and whether each must be given."""
    signature = inspect.signature(function).parameters.values()
    return {p.name: p.default is p.empty for p in signature if p.name != "env"}


def given_to(model: str, function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments for it. Raises OdooError for unknown and missing ones."""
    parameters = _parameters(function)
    given = dict(arguments)
    if "model" in parameters:
        given["model"] = model
    if "ids" in parameters:
        given.setdefault("ids", [])
    else:
        given.pop("ids", None)
    for name in given:
        if name not in parameters:
            raise errors.unprocessable(f"got an unexpected keyword argument {name!r}")
    for name, needed in parameters.items():
        if needed and name not in given:
            raise errors.unprocessable(f"missing a required argument: {name!r}")
    return given

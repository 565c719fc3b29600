"""Recorded exchanges of a real WooCommerce 11.0.1, and asking them again of the simulator."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from connectors.sdk.http import Response
from connectors.sdk.testing.simulators import Running
from connectors.woocommerce.simulator.shop import DEMO_KEY, DEMO_SECRET

RECORDED = Path(__file__).parent / "recorded"
API = "/wp-json/wc/v3"
#: Free form in the real shop too: the value of metadata, and what a shop without media lacks.
FREE = ("value", "display_value", "image", "low_stock_amount", "options")


def recording(number: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / f"{number}.json").read_text("utf-8"))
    return found


def signed_in(key: str = DEMO_KEY, secret: str = DEMO_SECRET) -> str:
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


def ask(shop: Running, method: str, path: str, body: Any = None, **headers: str) -> Response:
    """A request to the API; ``Authorization`` defaults to a key that may do everything."""
    headers.setdefault("Authorization", signed_in())
    return shop.call(method, API + path, body, **headers)


def replay(shop: Running, number: str, **ids: int | str) -> Any:
    """Ask again what was asked then; status, headers and shape of the answer must be the same.

    ``ids``: numbers of the recording (``o72=5``) that are others here, replaced in the path.
    Returns the simulator's decoded answer.
    """
    then = recording(number)
    path = then["path"]
    for name, now in ids.items():
        path = path.replace(f"/{name[1:]}", f"/{now}", 1)
    answer = ask(shop, then["method"], path, then["body"])
    same(then, answer)
    return json.loads(answer.body)


def same(then: dict[str, Any], answer: Response) -> None:
    """The recorded exchange and this answer agree in status, header names and shape."""
    now = json.loads(answer.body)
    assert answer.status == then["status"], (then["name"], answer.status, now)
    for name in then["headers"]:
        assert name.lower() in answer.headers, (then["name"], name, dict(answer.headers))
    differences = list(differing(then["answer"], now))
    assert not differences, (then["name"], differences)


def differing(then: Any, now: Any, path: str = "") -> Any:
    """Where keys or types differ. Lists are compared by their first items, if both have any."""
    if path.rpartition(".")[2] in FREE:
        return
    if isinstance(then, dict) and isinstance(now, dict):
        for key in then.keys() | now.keys():
            if key not in now or key not in then:
                yield f"{path}.{key} only {'then' if key in then else 'now'}"
            else:
                yield from differing(then[key], now[key], f"{path}.{key}")
    elif isinstance(then, list) and isinstance(now, list):
        if then and now:
            yield from differing(then[0], now[0], f"{path}[]")
    elif kind(then) != kind(now):
        yield f"{path}: {then!r} then, {now!r} now"


def kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else type(value).__name__

"""What the back office takes: documents, by one or by many, at once or later; and stock figures.

It takes what it is given as often as it is given: without the key or the reference the same thing
sent twice is there twice.
"""

from __future__ import annotations

from typing import Any

from connectors.sdk.simulation.store import Store

Row = dict[str, Any]


class Refused(Exception):
    """``status`` and the body that says why."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message, **more}}


def create(store: Store, body: Row, key: str, quirks: Row) -> tuple[Row, bool]:
    """The document and whether it is new. ``key``: one that was used before answers as then.

    Raises Refused.
    """
    used = store.get("keys", key) if key else None
    if used is not None:
        known = store.get("documents", used["id"])
        assert known is not None  # noqa: S101 - a key is kept with its document
        return known, False
    _examine(store, body, quirks)
    id_ = store.next_id("documents")
    lines = [{**line, "line_id": f"{id_}-{n}"} for n, line in enumerate(body.get("lines", []), 1)]
    row = store.put("documents", id_, {**body, "id": id_, "lines": lines, "state": "open"})
    if key:
        store.put("keys", key, {"id": id_})
    return row, True


def _examine(store: Store, body: Row, quirks: Row) -> None:
    number = str(body.get("number", ""))
    if not number:
        raise Refused(422, "number_missing", "A document needs a number.")
    if quirks.get("unique_numbers"):
        for known in store.table("documents").values():
            if known.get("number") == number:
                raise Refused(409, "number_taken", "There is one of that number.", id=known["id"])
    for line in body.get("lines", []):
        if line.get("sku") in (quirks.get("unknown_skus") or []):
            raise Refused(422, "unknown_sku", f"No article {line['sku']}.", sku=line["sku"])


def find(store: Store, reference: str, quirks: Row) -> list[Row]:
    """Quirk ``ignores_search``: an API that ignores the parameter lists them all."""
    rows = list(store.table("documents").values())
    if quirks.get("ignores_search"):
        return rows
    return [r for r in rows if r.get("reference") == reference]


def change(store: Store, id_: int, body: Row) -> Row:
    """Raises Refused."""
    known = store.get("documents", id_)
    if known is None:
        raise Refused(404, "not_found", "No such document.")
    if known["state"] == "posted":
        raise Refused(409, "posted", "A posted document can't be changed.")
    return store.put("documents", id_, {**known, **body, "id": id_})


def drop(store: Store, id_: int) -> None:
    """Raises Refused."""
    if store.get("documents", id_) is None:
        raise Refused(404, "not_found", "No such document.")
    store.drop("documents", id_)


def batch(store: Store, rows: list[Row], quirks: Row) -> list[Row]:
    """One result each. Quirk ``forgets``: the answer leaves out that many at its end; ``shuffles``:
    it comes in another order."""
    results: list[Row] = []
    for row in rows:
        try:
            made, _ = create(store, row, str(row.get("idempotency_key", "")), quirks)
            results.append({"reference": row.get("reference"), "id": made["id"], "status": 201})
        except Refused as error:
            told = {"reference": row.get("reference"), "status": error.status}
            results.append(told | error.body)
    if quirks.get("shuffles"):
        results.reverse()
    forgets = int(quirks.get("forgets", 0))
    return results[: len(results) - forgets] if forgets else results


def accept(store: Store, body: Row, key: str, quirks: Row) -> Row:
    """A promise: the job does it when it has been asked for ``job_asks`` times."""
    id_ = store.next_id("jobs")
    told = {"id": id_, "state": "working", "asks": int(quirks.get("job_asks", 1))}
    return store.put("jobs", id_, told | {"body": body, "key": key})


def job(store: Store, id_: int, quirks: Row) -> Row:
    """Raises Refused."""
    row = store.get("jobs", id_)
    if row is None:
        raise Refused(404, "not_found", "No such job.")
    row["asks"] -= 1
    if row["state"] == "working" and row["asks"] <= 0:
        try:
            made, _ = create(store, row["body"], row["key"], quirks)
            row |= {"state": "done", "document": made["id"]}
        except Refused as error:
            row |= {"state": "failed", "reason": str(error)}
    store.put("jobs", id_, row)
    return {name: row[name] for name in ("id", "state", "document", "reason") if name in row}

"""The methods every model answers, with Odoo's names and keyword arguments."""

from __future__ import annotations

from typing import Any

from connectors.odoo.simulator import errors
from connectors.odoo.simulator.hooks import (
    AFTER_CREATE,
    AFTER_WRITE,
    BEFORE_CREATE,
    BEFORE_UNLINK,
    BEFORE_WRITE,
)
from connectors.odoo.simulator.records import (
    ADMIN,
    Env,
    change,
    insert,
    matching,
    read_rows,
    rows_of,
    value_of,
    window,
)
from connectors.odoo.simulator.schema import LABELS, SCHEMA
from connectors.sdk.simulation.store import Row

Domain = list[Any]


def create(env: Env, model: str, vals_list: list[dict[str, Any]]) -> list[int]:
    before, after = BEFORE_CREATE.get(model), AFTER_CREATE.get(model)
    ids = []
    for vals in vals_list:
        id_ = before(env, dict(vals)) if before else insert(env, model, vals)
        if after:
            after(env, id_)
        ids.append(id_)
    return ids


def write(env: Env, model: str, ids: list[int], vals: dict[str, Any]) -> bool:
    _may_write(env, model)
    guard, after = BEFORE_WRITE.get(model), AFTER_WRITE.get(model)
    for row in rows_of(env, model, ids):
        if guard:
            guard(env, row, vals)
        change(env, model, row["id"], vals)
        if after:
            after(env, row["id"])
    return True


def unlink(env: Env, model: str, ids: list[int]) -> bool:
    guard = BEFORE_UNLINK.get(model)
    for row in rows_of(env, model, ids):
        if guard:
            guard(env, row)
        for spec in SCHEMA[model].values():
            if spec.type == "one2many":
                for line in env.db.where(spec.relation, spec.inverse, row["id"]):
                    if env.db.get(spec.relation, line["id"]):
                        env.db.delete(spec.relation, line["id"])
        env.db.delete(model, row["id"])
    return True


def _may_write(env: Env, model: str) -> None:
    if model == "res.company" and env.uid != ADMIN:
        raise errors.access(
            f"You are not allowed to modify '{LABELS[model]}' ({model}) records.\n\n"
            "This operation is allowed for the following groups:\n\t- Access Rights\n\n"
            "Contact your administrator to request access if necessary."
        )


def read(
    env: Env, model: str, ids: list[int], fields: list[str] | None = None, load: str = ""
) -> list[dict[str, Any]]:
    rows = [row for i in ids if (row := env.db.get(model, i)) is not None]
    return read_rows(env, model, rows, fields)


def search(
    env: Env,
    model: str,
    domain: Domain,
    offset: int = 0,
    limit: int | None = None,
    order: str | None = None,
) -> list[int]:
    rows = matching(env, model, domain, order, offset + limit if limit else None)
    return [row["id"] for row in window(rows, offset, limit)]


def search_read(
    env: Env,
    model: str,
    domain: Domain | None = None,
    fields: list[str] | None = None,
    offset: int = 0,
    limit: int | None = None,
    order: str | None = None,
) -> list[dict[str, Any]]:
    rows = matching(env, model, domain or [], order, offset + limit if limit else None)
    return read_rows(env, model, window(rows, offset, limit), fields)


def search_count(env: Env, model: str, domain: Domain, limit: int | None = None) -> int:
    return len(window(matching(env, model, domain), 0, limit))


def formatted_read_group(
    env: Env,
    model: str,
    domain: Domain,
    groupby: list[str],
    aggregates: list[str],
    offset: int = 0,
    limit: int | None = None,
    order: str | None = None,
) -> list[dict[str, Any]]:
    """By stored fields; aggregates ``field:sum``, ``field:max`` and ``__count``."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in matching(env, model, domain):
        groups.setdefault(tuple(row[name] for name in groupby), []).append(row)
    answer = []
    for key in window(sorted(groups), offset, limit):
        rows = groups[key]
        line = {name: value_of(env, model, rows[0], name) for name in groupby}
        parts = [[name, "=", rows[0][name]] for name in groupby]
        line["__extra_domain"] = ["&"] * (len(parts) - 1) + parts
        answer.append({**line, **{a: _aggregated(a, rows) for a in aggregates}})
    return answer


def _aggregated(aggregate: str, rows: list[Row]) -> Any:
    name, _, how = aggregate.partition(":")
    if name == "__count":
        return len(rows)
    values: list[Any] = [row.get(name) for row in rows]
    return max(values) if how == "max" else round(sum(values), 6)


def fields_get(
    env: Env,
    model: str,
    allfields: list[str] | None = None,
    attributes: list[str] | None = None,
) -> dict[str, Any]:
    return {
        name: {"type": spec.type, "required": spec.required}
        for name, spec in SCHEMA[model].items()
        if allfields is None or name in allfields
    }


def has_access(env: Env, model: str, ids: list[int], operation: str) -> bool:
    return operation == "read" or model != "res.company" or env.uid == ADMIN


def load(env: Env, model: str, fields: list[str], data: list[list[Any]]) -> dict[str, Any]:
    """Import rows by external id: known ids are written, unknown ones created.

    Lines given as ``order_line/…`` are appended, also the second time: Odoo has no key for them.
    """
    ids = []
    for line in data:
        vals: dict[str, Any] = {}
        lines: dict[str, dict[str, Any]] = {}
        external = ""
        for path, value in zip(fields, line, strict=True):
            name, _, rest = path.partition("/")
            if name == "id":
                external = str(value)
            elif rest in ("", ".id", "id"):
                vals[name] = _imported(env, model, name, rest, value)
            else:
                part, _, how = rest.partition("/")
                relation = SCHEMA[model][name].relation
                lines.setdefault(name, {})[part] = _imported(env, relation, part, how, value)
        vals.update({name: [[0, 0, one]] for name, one in lines.items()})
        ids.append(_upsert(env, model, external, vals))
    return {"ids": ids, "messages": [], "nextrow": 0}


def _imported(env: Env, model: str, name: str, how: str, value: Any) -> Any:
    spec = SCHEMA[model].get(name)
    if spec is None or spec.type != "many2one" or not value or how == ".id":
        return value
    module, _, key = str(value).partition(".")
    if how == "id" and module == "base" and spec.relation == "res.country":
        code = {"uk": "GB"}.get(key, key.upper())
        found = env.db.where("res.country", "code", code)
        return found[0]["id"] if found else False
    return value


def _upsert(env: Env, model: str, external: str, vals: dict[str, Any]) -> int:
    module, _, name = external.partition(".")
    for known in env.db.where("ir.model.data", "name", name):
        if known["module"] == module and env.db.get(model, known["res_id"]):
            write(env, model, [known["res_id"]], vals)
            return int(known["res_id"])
    id_ = create(env, model, [vals])[0]
    insert(env, "ir.model.data", {"module": module, "name": name, "model": model, "res_id": id_})
    return id_


GENERIC = {
    "create": create, "write": write, "unlink": unlink, "read": read, "search": search,
    "search_read": search_read, "search_count": search_count, "load": load,
    "formatted_read_group": formatted_read_group, "fields_get": fields_get,
    "has_access": has_access,
}  # fmt: skip

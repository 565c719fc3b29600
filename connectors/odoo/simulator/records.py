"""What every model can do: create, write, read, search, unlink, load, group."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from connectors.odoo.simulator import errors
from connectors.odoo.simulator.database import Database
from connectors.odoo.simulator.domain import search as find
from connectors.odoo.simulator.naming import display_name
from connectors.odoo.simulator.schema import LABELS, SCHEMA, Field
from connectors.sdk.simulation.store import Row

T = TypeVar("T")
BOT, ADMIN = 5, 2


@dataclass
class Env:
    """One request: its database, its transaction's start (UTC, whole seconds), who, context."""

    db: Database
    now: str
    uid: int = BOT
    context: dict[str, Any] = field(default_factory=dict)

    @property
    def today(self) -> str:
        return self.now[:10]


# ------------------------------------------------------------------ writing


def insert(env: Env, model: str, vals: Row, id_: int | None = None) -> int:
    """A new row with defaults and magic fields; x2many commands in ``vals`` are obeyed."""
    fields = SCHEMA[model]
    row: Row = {
        f.name: list(f.default) if isinstance(f.default, list) else f.default
        for f in fields.values()
        if f.stored
    }
    row.update(create_date=env.now, write_date=env.now, create_uid=env.uid, write_uid=env.uid)
    later = _take(env, model, vals, row)
    for name, spec in fields.items():
        if spec.required and row.get(name) in (False, None):
            raise _mandatory(model, name)
    new = env.db.insert(model, row, id_)
    for spec, commands in later:
        _obey_lines(env, spec, new, commands)
    return new


def change(env: Env, model: str, id_: int, vals: Row) -> Row:
    """Write to a row; its write_date becomes the transaction's start."""
    changes: Row = {"write_date": env.now, "write_uid": env.uid}
    old = env.db.get(model, id_)
    if old is None:
        raise errors.missing(model, id_, env.uid)
    later = _take(env, model, vals, changes, old)
    row = env.db.update(model, id_, changes)
    for spec, commands in later:
        _obey_lines(env, spec, id_, commands)
    return row


def _take(
    env: Env, model: str, vals: Row, row: Row, old: Row | None = None
) -> list[tuple[Field, list[Any]]]:
    """Move plain values into ``row``; give back the one2many commands for later."""
    later = []
    for name, value in vals.items():
        spec = SCHEMA[model].get(name)
        if spec is None:
            raise errors.value_error(f"Invalid field {name!r} in {model!r}")
        if spec.type == "one2many":
            later.append((spec, value or []))
        elif spec.type == "many2many":
            row[name] = _linked(list((old or row).get(name) or []), value)
        elif spec.type == "float":
            row[name] = float(value or 0)
        elif spec.type == "many2one":
            row[name] = _existing_id(env, spec, value)
        else:
            row[name] = value
    return later


def _existing_id(env: Env, spec: Field, value: Any) -> int | bool:
    if not value:
        return False
    if env.db.get(spec.relation, value) is None:
        raise errors.missing(spec.relation, value, env.uid)
    return int(value)


def _linked(ids: list[int], commands: Any) -> list[int]:
    """The ids after Odoo's commands 3 (unlink), 4 (link), 5 (clear) and 6 (replace)."""
    for command in commands or []:
        if not isinstance(command, (list, tuple)):
            ids = [*ids, command]
        elif command[0] == 6:
            ids = list(command[2])
        elif command[0] == 5:
            ids = []
        elif command[0] == 4 and command[1] not in ids:
            ids = [*ids, command[1]]
        elif command[0] == 3:
            ids = [i for i in ids if i != command[1]]
    return ids


def _obey_lines(env: Env, spec: Field, owner: int, commands: list[Any]) -> None:
    """One2many commands 0 (create), 1 (write), 2 (delete), 5 (delete all), 6 with no ids."""
    for command in commands:
        if command[0] == 0:
            insert(env, spec.relation, {**command[2], spec.inverse: owner})
        elif command[0] == 1:
            change(env, spec.relation, command[1], command[2])
        elif command[0] == 2:
            env.db.delete(spec.relation, command[1])
        elif command[0] in (5, 6):
            for row in env.db.where(spec.relation, spec.inverse, owner):
                env.db.delete(spec.relation, row["id"])


def _mandatory(model: str, name: str) -> errors.OdooError:
    label = LABELS.get(f"{model}.{name}", name)
    return errors.validation(
        f"The operation cannot be completed: Missing required value for the field '{label}' "
        f"({name}).\nModel: '{LABELS.get(model, model)}' ({model})\n"
        "- create/update: a mandatory field is not set\n- delete: another model requires the "
        "record being deleted, you can archive it instead\n"
    )


# ------------------------------------------------------------------ reading


def read_rows(env: Env, model: str, rows: list[Row], names: list[str] | None) -> list[Row]:
    fields = SCHEMA[model]
    wanted = list(names) if names else list(fields)
    for name in wanted:
        if name not in fields and name not in ("id", "display_name"):
            raise errors.value_error(f"Invalid field {name!r} on {model!r}")
    wanted = ["id", *(n for n in wanted if n != "id")]
    return [{name: value_of(env, model, row, name) for name in wanted} for row in rows]


def value_of(env: Env, model: str, row: Row, name: str) -> Any:
    """A field as the API shows it: many2one as [id, name], the computed ones computed."""
    if name == "id":
        return row["id"]
    if name == "display_name":
        return display_name(env.db, model, row["id"])
    computed = COMPUTED.get((model, name))
    value = computed(env, row) if computed else None
    spec = SCHEMA[model][name]
    if spec.type == "one2many":
        return sorted(env.db.ids_where(spec.relation, spec.inverse, row["id"]))
    if not computed:
        value = row.get(name, spec.default)
    if spec.type == "many2one" and value:
        return [value, display_name(env.db, spec.relation, value)]
    return value


def ordered(rows: list[Row], order: str | None) -> list[Row]:
    """``order`` as "write_date,id desc"; applied from the last key to the first."""
    for part in reversed((order or "").split(",")):
        words = part.split()
        if words:
            name, down = words[0], words[1:] == ["desc"]
            rows = sorted(rows, key=lambda r: (r[name] is not False, r[name]), reverse=down)
    return rows


def window(rows: list[T], offset: int, limit: int | None) -> list[T]:
    return rows[offset : offset + limit] if limit else rows[offset:]


# ------------------------------------------------------------------ computed fields


def _on_hand(env: Env, row: Row, reserved: bool) -> float:
    """Quantity in internal locations, of the context's warehouse if it names one."""
    warehouse = env.context.get("warehouse_id")
    total = 0.0
    for quant in env.db.where("stock.quant", "product_id", row["id"]):
        if quant["warehouse_id"] and warehouse in (None, quant["warehouse_id"]):
            total += quant["quantity"] - (quant["reserved_quantity"] if reserved else 0)
    return round(total, 6)


def _open_session(env: Env, row: Row) -> int | bool:
    for session in env.db.where("pos.session", "config_id", row["id"]):
        if session["state"] != "closed":
            return int(session["id"])
    return False


COMPUTED = {
    ("product.product", "qty_available"): lambda env, row: _on_hand(env, row, False),
    ("product.product", "free_qty"): lambda env, row: _on_hand(env, row, True),
    ("product.product", "virtual_available"): lambda env, row: _on_hand(env, row, True),
    ("stock.quant", "available_quantity"): lambda env, row: round(
        row["quantity"] - row["reserved_quantity"], 6
    ),
    ("pos.config", "current_session_id"): _open_session,
}


def rows_of(env: Env, model: str, ids: list[int]) -> list[Row]:
    """Rows for a method call. Raises MissingError for one that isn't there."""
    rows = []
    for id_ in ids:
        row = env.db.get(model, id_)
        if row is None:
            raise errors.missing(model, id_, env.uid)
        rows.append(row)
    return rows


def matching(
    env: Env, model: str, domain: list[Any], order: str | None = None, enough: int | None = None
) -> list[Row]:
    """Rows that match, in order. Archived ones are hidden unless asked for. ``enough``: how many
    are wanted, if not all."""
    hide = "active" in SCHEMA[model] and env.context.get("active_test", True)
    if hide and not any(isinstance(part, list) and part[0] == "active" for part in domain):
        domain = [*domain, ["active", "=", True]]
    if order in (None, "id"):
        return find(env.db, model, domain, enough)
    return ordered(find(env.db, model, domain), order)

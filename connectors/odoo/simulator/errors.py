"""How Odoo refuses: an HTTP status and a JSON body of five keys, as recorded."""

from __future__ import annotations

from typing import Any


class OdooError(Exception):
    """A refusal; the transaction it was raised in has no effect.

    ``name``: the dotted name of Odoo's exception class. werkzeug's carry their status as a second
    argument, Odoo's own don't.
    """

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.name = name
        self.message = message

    def body(self) -> dict[str, Any]:
        arguments: list[Any] = [self.message]
        if self.name.startswith("werkzeug."):
            arguments.append(self.status)
        return {
            "name": self.name,
            "message": self.message,
            "arguments": arguments,
            "context": {},
            "debug": f"Traceback (most recent call last):\n{self.name}: {self.message}\n",
        }


def unauthorized(message: str) -> OdooError:
    return OdooError(401, "werkzeug.exceptions.Unauthorized", message)


def bad_request(message: str) -> OdooError:
    return OdooError(400, "werkzeug.exceptions.BadRequest", message)


def not_found(message: str) -> OdooError:
    return OdooError(404, "werkzeug.exceptions.NotFound", message)


def unprocessable(message: str) -> OdooError:
    return OdooError(422, "werkzeug.exceptions.UnprocessableEntity", message)


def access(message: str) -> OdooError:
    return OdooError(403, "odoo.exceptions.AccessError", message)


def user(message: str) -> OdooError:
    return OdooError(422, "odoo.exceptions.UserError", message)


def validation(message: str) -> OdooError:
    return OdooError(422, "odoo.exceptions.ValidationError", message)


def missing(model: str, id_: int, uid: int) -> OdooError:
    return OdooError(
        404,
        "odoo.exceptions.MissingError",
        f"Record does not exist or has been deleted.\n(Record: {model}({id_},), User: {uid})",
    )


def value_error(message: str) -> OdooError:
    """Odoo has no answer of its own for a programming mistake: it is a 500."""
    return OdooError(500, "builtins.ValueError", message)

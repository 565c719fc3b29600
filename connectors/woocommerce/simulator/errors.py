"""Error answers in WooCommerce's shape: ``{"code", "message", "data": {"status": N}}``."""

from __future__ import annotations

from typing import Any


class WooError(Exception):
    """``data``: extra fields beside the status; ``bare``: data is a bare number (finding 25)."""

    def __init__(
        self, status: int, code: str, message: str, *, bare: int | None = None, **data: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.bare = bare
        self.data = data

    def body(self) -> dict[str, Any]:
        data = {"status": self.status, **self.data} if self.bare is None else self.bare
        return {"code": self.code, "message": self.message, "data": data}


def invalid_params(faults: dict[str, tuple[str, str]]) -> WooError:
    """400 for parameters that break the schema. ``faults``: name → (code, sentence)."""
    details = {
        name: {
            "code": code,
            "message": sentence,
            "data": {"param": sentence.split(" ")[0]} if code == "rest_invalid_type" else None,
        }
        for name, (code, sentence) in faults.items()
    }
    return WooError(
        400,
        "rest_invalid_param",
        f"Invalid parameter(s): {', '.join(faults)}",
        params={name: sentence for name, (_, sentence) in faults.items()},
        details=details,
    )


def no_route() -> WooError:
    return WooError(404, "rest_no_route", "No route was found matching the URL and request method.")


def invalid_id(resource: str) -> WooError:
    """404 of one resource; each has its own code."""
    code, message = {
        "order": ("woocommerce_rest_shop_order_invalid_id", "Invalid ID."),
        "product": ("woocommerce_rest_product_invalid_id", "Invalid ID."),
        "variation": ("woocommerce_rest_product_variation_invalid_id", "Invalid ID."),
        "customer": ("wc_user_invalid_id", "Invalid user ID."),
        "webhook": ("woocommerce_rest_shop_webhook_invalid_id", "Invalid ID."),
        "tax": ("woocommerce_rest_invalid_id", "Invalid resource ID."),
        "refund": ("woocommerce_rest_shop_order_refund_invalid_id", "Invalid ID."),
    }[resource]
    return WooError(404, code, message)


def one_of(name: str, allowed: tuple[str, ...]) -> tuple[str, str]:
    """The fault of a value outside an enumeration, in WordPress's wording."""
    listed = f"{', '.join(allowed[:-1])}, and {allowed[-1]}"
    return ("rest_not_in_enum", f"{name} is not one of {listed}.")


def not_of_type(name: str, kind: str) -> tuple[str, str]:
    return ("rest_invalid_type", f"{name} is not of type {kind}.")

"""The models and fields the stand-in knows, one line a field group.

``name:type[:relation[:inverse]]``; ``*`` before the name: looked up by (indexed), ``!`` at the
end: mandatory. Names and types are those of Odoo 19 (18 where the recordings don't show them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_MODELS = {
    "res.users": "name:char partner_id:many2one:res.partner login:char",
    "res.users.apikeys": "name:char",
    "res.company": "name:char currency_id:many2one:res.currency fiscalyear_lock_date:date",
    "res.currency": "name:char symbol:char rounding:float",
    "res.country": "name:char *code:char",
    "res.partner": "name:char *email:char phone:char *ref:char street:char street2:char zip:char"
    " city:char country_id:many2one:res.country vat:char is_company:boolean"
    " parent_id:many2one:res.partner active:boolean=1 comment:char lang:char",
    "ir.model.data": "module:char! *name:char! model:char! res_id:integer noupdate:boolean",
    "base.automation": "name:char! model_id:integer trigger:char action_server_ids:json",
    "uom.uom": "name:char",
    "account.tax": "name:char! invoice_label:char description:char amount:float type_tax_use:char"
    " amount_type:char price_include:boolean country_id:many2one:res.country active:boolean=1",
    "account.journal": "name:char *code:char type:char",
    "account.account": "name:char code:char",
    "product.template": "name:char! list_price:float type:char active:boolean=1"
    " product_variant_ids:one2many:product.product:product_tmpl_id",
    "product.product": "name:char! *default_code:char list_price:float standard_price:float"
    " *barcode:char taxes_id:many2many:account.tax type:char is_storable:boolean"
    " active:boolean=1 sale_ok:boolean=1 available_in_pos:boolean=1 invoice_policy:char"
    " product_tmpl_id:many2one:product.template uom_id:many2one:uom.uom"
    " qty_available:float virtual_available:float free_qty:float",
    "stock.warehouse": "name:char! *code:char! lot_stock_id:many2one:stock.location"
    " out_type_id:many2one:stock.picking.type in_type_id:many2one:stock.picking.type"
    " int_type_id:many2one:stock.picking.type pos_type_id:many2one:stock.picking.type",
    "stock.location": "name:char! complete_name:char *usage:char"
    " warehouse_id:many2one:stock.warehouse location_id:many2one:stock.location",
    "stock.picking.type": "name:char! code:char sequence_code:char"
    " warehouse_id:many2one:stock.warehouse"
    " default_location_src_id:many2one:stock.location"
    " default_location_dest_id:many2one:stock.location",
    "stock.quant": "product_id:many2one:product.product! location_id:many2one:stock.location!"
    " warehouse_id:many2one:stock.warehouse quantity:float reserved_quantity:float"
    " available_quantity:float inventory_quantity:float",
    "stock.picking": "*name:char *state:char *origin:char partner_id:many2one:res.partner"
    " picking_type_id:many2one:stock.picking.type! picking_type_code:char"
    " location_id:many2one:stock.location location_dest_id:many2one:stock.location"
    " move_ids:one2many:stock.move:picking_id return_id:many2one:stock.picking"
    " sale_id:many2one:sale.order pos_order_id:many2one:pos.order date_done:datetime"
    " scheduled_date:datetime note:char carrier_tracking_ref:char",
    "stock.move": "product_id:many2one:product.product! product_uom_qty:float quantity:float"
    " picked:boolean state:char picking_id:many2one:stock.picking"
    " location_id:many2one:stock.location location_dest_id:many2one:stock.location"
    " reference:char *origin:char date:datetime is_inventory:boolean"
    " sale_line_id:many2one:sale.order.line origin_returned_move_id:many2one:stock.move",
    "stock.return.picking": "picking_id:many2one:stock.picking"
    " product_return_moves:one2many:stock.return.picking.line:wizard_id",
    "stock.return.picking.line": "wizard_id:many2one:stock.return.picking"
    " product_id:many2one:product.product quantity:float move_id:many2one:stock.move",
    "confirm.stock.sms": "pick_ids:many2many:stock.picking",
    "sale.order": "*name:char state:char partner_id:many2one:res.partner!"
    " *client_order_ref:char *origin:char warehouse_id:many2one:stock.warehouse"
    " company_id:many2one:res.company currency_id:many2one:res.currency date_order:datetime"
    " note:char order_line:one2many:sale.order.line:order_id amount_untaxed:float"
    " amount_tax:float amount_total:float delivery_status:char invoice_status:char"
    " picking_ids:one2many:stock.picking:sale_id invoice_ids:many2many:account.move",
    "sale.order.line": "order_id:many2one:sale.order product_id:many2one:product.product"
    " name:char product_uom_qty:float price_unit:float discount:float"
    " tax_ids:many2many:account.tax price_subtotal:float price_tax:float price_total:float"
    " qty_delivered:float qty_invoiced:float sequence:integer",
    "sale.advance.payment.inv": "advance_payment_method:char sale_order_ids:many2many:sale.order",
    "account.move": "*name:char state:char move_type:char *ref:char *invoice_origin:char"
    " payment_state:char amount_untaxed:float amount_tax:float amount_total:float"
    " amount_total_signed:float amount_residual:float invoice_date:date date:date"
    " partner_id:many2one:res.partner journal_id:many2one:account.journal"
    " reversed_entry_id:many2one:account.move payment_reference:char"
    " invoice_line_ids:one2many:account.move.line:move_id"
    " line_ids:one2many:account.move.line:move_id matched_payment_ids:many2many:account.payment"
    " sale_order_ids:many2many:sale.order",
    "account.move.line": "move_id:many2one:account.move product_id:many2one:product.product"
    " name:char quantity:float price_unit:float discount:float tax_ids:many2many:account.tax"
    " price_subtotal:float price_total:float account_id:many2one:account.account debit:float"
    " credit:float sale_line_ids:many2many:sale.order.line display_type:char",
    "account.payment.register": "journal_id:many2one:account.journal amount:float"
    " communication:char payment_date:date line_moves:many2many:account.move",
    "account.payment": "name:char state:char amount:float payment_type:char partner_type:char"
    " partner_id:many2one:res.partner journal_id:many2one:account.journal *memo:char date:date"
    " invoice_ids:many2many:account.move",
    "account.move.reversal": "reason:char journal_id:many2one:account.journal date:date"
    " move_ids:many2many:account.move",
    "pos.config": "name:char! payment_method_ids:many2many:pos.payment.method"
    " picking_type_id:many2one:stock.picking.type current_session_id:many2one:pos.session"
    " journal_id:many2one:account.journal invoice_journal_id:many2one:account.journal",
    "pos.payment.method": "name:char! type:char is_cash_count:boolean split_transactions:boolean"
    " journal_id:many2one:account.journal",
    "pos.session": "name:char state:char config_id:many2one:pos.config! user_id:integer"
    " start_at:datetime stop_at:datetime cash_register_balance_start:float"
    " cash_register_balance_end_real:float cash_register_difference:float opening_notes:char"
    " closing_notes:char move_id:many2one:account.move total_payments_amount:float",
    "pos.order": "name:char *uuid:char *pos_reference:char state:char"
    " session_id:many2one:pos.session config_id:many2one:pos.config user_id:integer"
    " partner_id:many2one:res.partner date_order:datetime amount_total:float amount_tax:float"
    " amount_paid:float amount_return:float amount_difference:float is_refund:boolean"
    " lines:one2many:pos.order.line:order_id payment_ids:one2many:pos.payment:pos_order_id"
    " picking_ids:one2many:stock.picking:pos_order_id account_move:many2one:account.move"
    " refunded_order_id:many2one:pos.order has_refundable_lines:boolean to_invoice:boolean"
    " *general_customer_note:char internal_note:char sequence_number:integer"
    " access_token:char company_id:many2one:res.company tracking_number:char"
    " refund_orders_count:integer",
    "pos.order.line": "order_id:many2one:pos.order product_id:many2one:product.product"
    " qty:float price_unit:float discount:float price_subtotal:float price_subtotal_incl:float"
    " *uuid:char full_product_name:char tax_ids:many2many:account.tax price_type:char"
    " refunded_orderline_id:many2one:pos.order.line refunded_qty:float"
    " refund_orderline_ids:one2many:pos.order.line:refunded_orderline_id",
    "pos.payment": "pos_order_id:many2one:pos.order payment_method_id:many2one:pos.payment.method"
    " amount:float *uuid:char name:char payment_date:datetime session_id:many2one:pos.session",
}

#: Labels as they appear in Odoo's messages about mandatory fields and rights.
LABELS = {
    "sale.order": "Sales Order",
    "sale.order.partner_id": "Customer",
    "res.company": "Companies",
    "pos.order.line": "Point of Sale Order Lines",
}

_ZERO: dict[str, Any] = {"float": 0.0, "integer": 0, "many2many": [], "json": []}
_MAGIC = "create_date:datetime write_date:datetime create_uid:integer write_uid:integer"


@dataclass(frozen=True, slots=True)
class Field:
    """``stored``: has a value of its own in the row (a one2many is read from its inverse)."""

    name: str
    type: str
    relation: str = ""
    inverse: str = ""
    indexed: bool = False
    required: bool = False
    default: Any = False

    @property
    def stored(self) -> bool:
        return self.type != "one2many"


def _field(text: str) -> Field:
    indexed, text = text.startswith("*"), text.lstrip("*")
    required, text = text.endswith("!"), text.rstrip("!")
    text, _, default = text.partition("=")
    name, kind, relation, inverse = [*text.split(":"), "", ""][:4]
    return Field(
        name,
        kind,
        relation,
        inverse,
        indexed or kind == "many2one",
        required,
        True if default else _ZERO.get(kind, False),
    )


SCHEMA: dict[str, dict[str, Field]] = {
    model: {f.name: f for f in map(_field, f"{fields} {_MAGIC}".split())}
    for model, fields in _MODELS.items()
}

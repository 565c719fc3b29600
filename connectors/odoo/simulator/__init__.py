"""A stand-in for Odoo 19 Community with Point of Sale, speaking its JSON-2 API as recorded."""

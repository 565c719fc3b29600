"""A stand-in for Square: one seller with several locations, its API, its till and its webhooks.

It behaves as the published OpenAPI description (release 2025-08-20) and Square's guides say:
versions on catalogue objects, idempotency keys, cursors, thin webhooks, inventory by state, tokens
that expire. Where it does something else, the module that does says so.
"""

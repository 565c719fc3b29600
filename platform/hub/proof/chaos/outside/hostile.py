"""Bodies a front door should survive: huge, deep, bombed, broken."""

from __future__ import annotations

import gzip
import random

#: Rows 12 and 13 of the matrix: too much of it, and not what it says it is.
HUGE = ("fifty_megabytes", "deep", "gzip_bomb")
BROKEN = ("not_json", "not_utf8", "nul", "lone_surrogate", "absurd_number", "wrong_shapes", "empty",
          "unknown_enum")  # fmt: skip


def body_of(kind: str, luck: random.Random) -> tuple[bytes, dict[str, str]]:
    """(bytes, extra headers). A number makes each different, so that none is a copy. ``poison X``
    is a body with X in it."""
    mark = f"{luck.randrange(10**9)}"
    number = f'"number": "hostile-{mark}", "id": "hostile-{mark}", "version": "000001"'
    match kind:
        case "fifty_megabytes":
            return b'{"pad": "' + b"x" * (50 * 2**20) + b'"}', {}
        case "deep":
            return b"[" * 200_000 + mark.encode() + b"]" * 200_000, {}
        case "gzip_bomb":
            raw = gzip.compress(b"0" * (50 * 2**20) + mark.encode())
            return raw, {"content-encoding": "gzip"}
        case "not_json":
            return f"order {mark}; total = lots".encode(), {}
        case "not_utf8":
            return b'{"number": "\xff\xfe\xc3\x28' + mark.encode() + b'"}', {}
        case "nul":
            return f'{{{number}, "name": "a\\u0000b"}}'.encode(), {}
        case "lone_surrogate":
            return f'{{{number}, "name": "\\ud800"}}'.encode(), {}
        case "absurd_number":
            return f'{{{number}, "total": 1e999, "qty": {"9" * 4000}}}'.encode(), {}
        case "wrong_shapes":
            return f'{{{number}, "lines": "none", "customer": [[]], "total": {{}}}}'.encode(), {}
        case "empty":
            return b"", {}
        case "unknown_enum":
            return f'{{{number}, "status": "levitating", "lines": []}}'.encode(), {}
    if kind.startswith("poison "):
        return f'{{{number}, "notes": "{kind.removeprefix("poison ")}"}}'.encode(), {}
    raise KeyError(kind)

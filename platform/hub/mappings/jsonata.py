"""JSONata for what rules can't say: always with limits, never able to run text as code.

Measured: without limits an expression can hang or abort the process; with these, endless loops,
deep recursion, string bombs and huge ranges all end as an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jsonatapy

from hub.mappings.scope import ABSENT

MILLISECONDS = 200
DEPTH = 200
SEQUENCE = 10_000
LONGEST = 4_000

#: Text run as code can't be reviewed; clocks and dice would make a re-render differ.
_REFUSED = re.compile(r"\$\s*(eval|now|millis|random|shuffle)\b")


class BadExpression(ValueError):
    """The text is no expression we run."""


def compile_expression(source: str) -> Callable[[Any, Any], Any]:
    """A function (item, top) → value or ABSENT; inside, ``$top`` is the whole record.

    Raises BadExpression now; the returned function raises ValueError when a limit is exceeded
    or the expression fails on the data.
    """
    if len(source) > LONGEST:
        raise BadExpression(f"The expression is longer than {LONGEST} characters: split it.")
    refused = _REFUSED.search(source)
    if refused:
        raise BadExpression(f"${refused[1]} is not allowed: a mapping must be pure.")
    try:
        compiled = jsonatapy.compile(source)
    except ValueError as error:
        raise BadExpression(f"The expression can't be read ({error}).") from error

    def evaluate(item: Any, top: Any) -> Any:
        found = compiled.evaluate(
            item,
            {"top": top},
            timeout=MILLISECONDS,
            max_stack_depth=DEPTH,
            max_sequence_length=SEQUENCE,
        )
        return ABSENT if found is None else found

    return evaluate

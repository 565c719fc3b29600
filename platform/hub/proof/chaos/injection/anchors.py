"""Words of the engine's source that are longer than a line, and what a control puts there."""

from __future__ import annotations

FENCE = """JOIN sync_work w ON w.delivery_id = s.id AND w.fence = %s
WHERE d.id = s.id
"""
NO_FENCE = """WHERE d.id = s.id AND %s::uuid IS NOT NULL
"""

NEED_LOCK = """ORDER BY id FOR NO KEY UPDATE",
            [needed],
"""
NO_NEED_LOCK = """ORDER BY id",
            [needed],
"""

DERIVED_LOCK = """    known = load(set(derived.values()))
    levels = _levels(plan, rule, skus)
"""
NO_DERIVED_LOCK = """    levels = _levels(plan, rule, skus)
    known = load(set(derived.values()))
"""

BELL = """    connection = uuid.UUID(subject)
    _begin("inbox", subject)
"""
BELL_AFTER_READING = """    connection = uuid.UUID(subject)
"""
INBOX_END = """            ring("inbox", subject)
            break
    ring("housekeeping", "needs")
"""
INBOX_END_WITH_BELL = """            ring("inbox", subject)
            break
    _begin("inbox", subject)
    ring("housekeeping", "needs")
"""

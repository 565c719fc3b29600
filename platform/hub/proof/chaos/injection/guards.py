"""The engine's guards, each with the little that takes it out: the negative controls.

A guard is taken out by editing the source of a module as it is loaded (or by dropping an index),
never by a switch in the product. Every edit names the words it replaces; where they aren't found
exactly once the edit raises, so a control can't go stale while the engine moves on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hub.proof.chaos.injection import anchors


class GuardGone(Exception):
    """A control no longer finds what it takes out: the platform's team adapts it to the engine."""


@dataclass(frozen=True, slots=True)
class Edit:
    """In ``module``, ``old`` (which stands there exactly once) becomes ``new``."""

    module: str
    old: str
    new: str

    def applied(self, source: str) -> str:
        """The source without the guard. Raises GuardGone."""
        if source.count(self.old) != 1:
            found = source.count(self.old)
            raise GuardGone(f"{self.module} has {found} times, not once: {self.old.strip()!r}")
        return source.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Guard:
    """``rule``: what engine rule it stands for, and what goes wrong without it. ``harm``: a word
    of the checker's that a run without it must bring up (any of them). ``drops``: a unique
    constraint, (table, name, columns), that is replaced by a plain index in every schema."""

    name: str
    rule: str
    harm: tuple[str, ...]
    edits: tuple[Edit, ...] = ()
    drops: tuple[str, str, str] | None = None


_ALL = (
    Guard(
        "unique-record-key",
        "One value, one record (2.5, 12). Without it, two sources that tell of one article at the"
        " same moment make two records of it, and the target gets it twice.",
        ("doubled",),
        drops=("sync_recordkey", "record_key_value", "environment_id, entity, kind, value"),
    ),
    Guard(
        "fence",
        "A settle counts only while its lease is its own (3.4). Without it, a worker that slept"
        " past its lease settles the old value it has just sent over a newer one.",
        ("stale", "regressed"),
        edits=(Edit("hub.sync.settle", anchors.FENCE, anchors.NO_FENCE),),
    ),
    Guard(
        "lease-is-unknown",
        "A lease that ran out is not simply due: the call may have happened (3.5). Without it, what"
        " a killed worker had sent is sent again.",
        ("doubled",),
        edits=(
            Edit("hub.sync.claim", "w.attempts, w.alone, due.lost,",
                 "w.attempts, w.alone, false,"),
        ),
    ),
    Guard(
        "one-transaction-settle",
        "Delivery, binding, attempt and usage are one commit (5.1). Without it, a kill in between"
        " leaves a delivered document that nobody is billed for.",
        ("unbilled",),
        edits=(
            Edit("hub.sync.settle",
                 "with transaction.atomic():\n        _lock_records(",
                 "if True:\n        _lock_records("),
        ),
    ),
    Guard(
        "look-up-before-resend",
        "What may have arrived is looked for before it is sent again (4). Without it, a target"
        " without keys gets it twice.",
        ("doubled",),
        edits=(
            Edit("hub.sync.deliver",
                 'return made and not task.repeatable and task.resource.proof == "lookup"',
                 "return False"),
        ),
    ),
    Guard(
        "frozen-bytes",
        "What is in doubt goes again with the same bytes and key, the newest afterwards (4.1)."
        " Without it, a key that stands for one content comes with another, and the newer one is"
        " answered for by the older or refused.",
        ("key_reused", "stale", "lost"),
        edits=(
            Edit("hub.sync.freeze",
                 "if task.sending_version is not None and not task.repeatable:",
                 "if False:"),
        ),
    ),
    Guard(
        "ack-after-commit",
        "2xx leaves after the commit (8). Without it, a front door that dies takes along what it"
        " had accepted.",
        ("lost",),
        edits=(Edit("hub.sync.ingress", "return await letter.stored", "return True"),),
    ),
    Guard(
        "settle-compares-wanted",
        "Work ends only if nothing newer is wanted (3.2). Without it, what came while a send was on"
        " its way is never sent.",
        ("stale", "lost"),
        edits=(
            Edit("hub.sync.settle", "RETURNING d.id, d.wanted, d.delivered, d.verify",
                 "RETURNING d.id, d.delivered, d.delivered, d.verify"),
        ),
    ),
    Guard(
        "root-lock",
        "The order of what belongs together is taken under its root's lock (3.7). Without it, two"
        " workers give two facts of one document the same place, and the later goes first.",
        ("out_of_order",),
        edits=(
            Edit("hub.sync.merge", "result.known = load(ids | roots)", "result.known = load(ids)"),
        ),
    ),
    Guard(
        "need-lock",
        "Who finds something missing locks it before he looks again (6.1). Without it, a need is"
        " stored for a placeholder that has just been merged away, and nobody ever meets it.",
        ("lost", "pending", "ownerless"),
        edits=(
            Edit("hub.sync.needs", anchors.NEED_LOCK, anchors.NO_NEED_LOCK),
        ),
    ),
    Guard(
        "derived-record-lock",
        "A derived figure is locked before its inputs are read (2.4, E3). Without it, two inputs"
        " that change at once leave a sum that is right for neither.",
        ("stale",),
        edits=(Edit("hub.sync.availability", anchors.DERIVED_LOCK, anchors.NO_DERIVED_LOCK),),
    ),
    Guard(
        "bell-deleted-before-reading",
        "The bell is deleted before reading (7.2). Without it, a ring that falls between the last"
        " look and the deletion wakes nobody until the sweep.",
        ("asleep",),
        edits=(
            Edit("hub.sync.actors", anchors.BELL, anchors.BELL_AFTER_READING),
            Edit("hub.sync.actors", anchors.INBOX_END, anchors.INBOX_END_WITH_BELL),
        ),
    ),
    Guard(
        "attempts-before-the-call",
        "An attempt is counted before the work (2.9). Without it, an event that kills its reader"
        " is read, and kills, for ever.",
        ("pending", "lost"),
        edits=(
            Edit("hub.sync.claim", "attempts = w.attempts + 1,", "attempts = w.attempts,"),
            Edit("hub.sync.normalize", "attempts = e.attempts + 1,", "attempts = e.attempts,"),
        ),
    ),
)  # fmt: skip

GUARDS: Mapping[str, Guard] = {guard.name: guard for guard in _ALL}


def edits_of(names: Iterable[str]) -> dict[str, list[Edit]]:
    """The edits of these guards, by module. Raises KeyError."""
    found: dict[str, list[Edit]] = {}
    for name in names:
        for edit in GUARDS[name].edits:
            found.setdefault(edit.module, []).append(edit)
    return found


def edited(source: str, edits: Sequence[Edit]) -> str:
    """A module's source with every edit applied. Raises GuardGone."""
    for edit in edits:
        source = edit.applied(source)
    return source


def weakening(names: Iterable[str], schemas: Iterable[str]) -> list[str]:
    """Statements that take the guards out of the database's part, in these schemas: run them when
    the schemas exist and before traffic begins. A constraint that isn't there raises in the
    database (nothing says ``IF EXISTS``)."""
    statements = []
    for guard in (GUARDS[name] for name in names):
        if guard.drops:
            table, constraint, columns = guard.drops
            for schema in schemas:
                place = f'"{schema}"."{table}"'
                statements.append(f'ALTER TABLE {place} DROP CONSTRAINT "{constraint}"')
                statements.append(f"CREATE INDEX ON {place} ({columns})")
    return statements

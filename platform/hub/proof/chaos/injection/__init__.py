"""What the chaos harness does to processes of ours from inside, without a line of theirs knowing.

`environment` gives variables for a child process. They put a start-up hook of Python's own
(``sitecustomize``) on its path, which arms import hooks for exactly the modules concerned:
failpoints where it may be killed, guards taken out of the engine, a clock that is wrong. The
product has no setting for it, and a process without these variables runs its files as they lie.

Light on purpose: the hook imports this package in every process it is armed in.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from hub.proof.chaos.injection import failpoints as points
from hub.proof.chaos.injection import guards

ROOT = Path(__file__).resolve().parents[5]

HOOK = '''"""Made for a run of the chaos harness; see hub.proof.chaos.injection."""
import os, sys
try:
    from hub.proof.chaos.injection.start import begin
    begin({orders!r})
except BaseException as error:
    # Python would only complain and go on, and a control would silently control nothing.
    sys.stderr.write("injection failed: " + repr(error) + "\\n")
    os._exit(70)
'''


def environment(
    home: Path,
    *,
    guards_off: Iterable[str] = (),
    clock_skew: float = 0,
    failpoints: bool = False,
) -> dict[str, str]:
    """Variables for a child process, to be merged over its own.

    ``home``: the run's state; what is armed and who was killed lies in ``home/injection``.
    ``guards_off``: names of `guards.GUARDS`. ``clock_skew``: seconds its clock is ahead of the
    host's. Raises KeyError for a guard that isn't there.
    """
    off = sorted(guards_off)
    for name in off:
        _ = guards.GUARDS[name]
    if failpoints:
        points.prepare(home)
    orders = {"home": str(home), "guards_off": off, "clock_skew": float(clock_skew),
              "failpoints": failpoints}  # fmt: skip
    text = HOOK.format(orders=orders)
    folder = points.folder(home) / f"hook-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(text, encoding="utf-8")
    return {"PYTHONPATH": os.pathsep.join((str(folder), str(ROOT / "platform"), str(ROOT)))}

#!/usr/bin/env python3
"""The one command: demo, up, test, lint, and every command of Django's.

Parsed by old Pythons too: what it needs is checked, and made, by the bootstrap.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]


def main():
    from hub.runtime.bootstrap import ensure  # noqa: PLC0415 (needs the path set above)
    from hub.runtime.complaint import Complaint  # noqa: PLC0415

    try:
        ensure(str(ROOT))
        from hub.runtime.commands import run  # noqa: PLC0415 (a new enough Python is sure only now)

        return run(sys.argv)
    except Complaint as complaint:
        sys.stderr.write(str(complaint) + "\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())

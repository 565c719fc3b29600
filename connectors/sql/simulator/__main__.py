"""``python -m connectors.sql.simulator --database ADDRESS``: a legacy till database that trades.

ADDRESS is SQLAlchemy's, of an empty PostgreSQL database, for example
``postgresql+psycopg://owner:secret@127.0.0.1:5432/legacy``.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import create_engine, inspect, text

from connectors.sql.simulator import legacy


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m connectors.sql.simulator")
    parser.add_argument("--database", required=True, help="address of an empty database")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two receipts")
    args = parser.parse_args()
    engine = create_engine(args.database)
    with engine.begin() as connection:
        if not inspect(connection).has_table("till_receipts"):
            legacy.make(connection)
        number = connection.execute(text("SELECT max(id) FROM till_receipts")).scalar() or 0
    while True:
        number += 1
        now = datetime.now(ZoneInfo("Europe/London")).replace(tzinfo=None)
        sku = f"G{random.randint(1, 30):02d}"  # noqa: S311 - trade, not secrecy
        with engine.begin() as connection:
            total = legacy.ring_up(connection, number, [(sku, 1, "3.00")], at=now)
            taken = legacy.take_over(connection)
        sys.stdout.write(f"receipt {number}: {total}; the ERP took {taken} orders\n")
        time.sleep(args.every)


if __name__ == "__main__":
    main()

"""Open sessions of the tills: a receipt needs one, and Odoo allows one per till."""

from __future__ import annotations

from connectors.odoo.catalogue import id_of
from connectors.odoo.client import Client
from connectors.sdk.errors import NotYet, Rejected

MODEL = "pos.session"


class Sessions:
    """Session ids by till, kept as long as the connector lives."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._open: dict[int, int] = {}

    def forget(self) -> None:
        self._open.clear()

    def open(self, till: int) -> int:
        """The till's open session; opened if there is none. Raises NotYet while one closes."""
        if till not in self._open:
            self._open[till] = self._current(till) or self._start(till)
        return self._open[till]

    def _current(self, till: int) -> int:
        """An open session's id, or 0. One that a crash left half opened is opened."""
        row = self.client.read_one("pos.config", till, ["current_session_id"])
        session = id_of(row["current_session_id"]) if row else 0
        if not session:
            return 0
        known = self.client.read_one(MODEL, session, ["state"])
        state = known["state"] if known else ""
        if state == "opening_control":
            self._begin(session)
        elif state != "opened":
            raise NotYet(
                "The till's session is just being closed in Odoo: finish closing it there; the "
                "receipts follow by themselves."
            )
        return session

    def _start(self, till: int) -> int:
        try:
            session = self.client.create(MODEL, {"config_id": till})
        except Rejected as error:
            # Another worker was faster; theirs serves us as well.
            if error.code != "not-ready" or not (other := self._current(till)):
                raise
            return other
        self._begin(session)
        return session

    def _begin(self, session: int) -> None:
        self.client.call(
            MODEL, "set_opening_control", ids=[session], cashbox_value=0, notes="Crossdock"
        )

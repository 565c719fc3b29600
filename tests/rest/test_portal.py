"""What a partner sees of a declared connection."""

from __future__ import annotations

import pytest

from tests.conftest import SignIn
from tests.rest.conftest import House

pytestmark = pytest.mark.slow


def test_the_portal_shows_what_was_declared(house: House, sign_in: SignIn) -> None:
    house.order()
    house.poll()
    house.until(lambda: len(house.documents()) == 1)
    desk = sign_in(house.partner)
    for slug, words in (("house", "Orders"), ("office", "Documents")):
        answer = desk.get(f"/m/hartley/production/connections/{slug}/")
        assert answer.status_code == 200
        text = answer.content.decode()
        assert words in text and "demo-secret" not in text and "demo-key" not in text
    (document,) = house.documents()
    listed = desk.get("/m/hartley/production/documents/").content.decode()
    assert document["number"] in listed

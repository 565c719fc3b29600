from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.odoo.tests.shop_world import World, world


@pytest.fixture
def shop() -> Iterator[World]:
    with world() as opened:
        yield opened

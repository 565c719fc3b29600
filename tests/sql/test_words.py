"""What a declaration may say, against what the hub knows."""

from __future__ import annotations

from typing import get_args

from connectors.sql.declared import Entity
from hub.canonical.entities import ENTITIES


def test_a_declaration_knows_the_entities_of_the_model() -> None:
    assert set(get_args(Entity)) == set(ENTITIES)

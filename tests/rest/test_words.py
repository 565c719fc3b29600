"""What a declaration may say, against what the hub knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from connectors.rest.settings import Code, Entity
from hub.canonical.entities import ENTITIES

EXCEPTIONS = Path(__file__).parents[2] / "docs" / "exceptions.md"


def test_a_declaration_knows_the_entities_of_the_model() -> None:
    assert set(get_args(Entity)) == set(ENTITIES)


def test_every_code_a_partner_may_name_is_explained() -> None:
    explained = set(re.findall(r"^\| `([a-z-]+)` \|", EXCEPTIONS.read_text("utf-8"), re.MULTILINE))
    assert set(get_args(Code)) <= explained

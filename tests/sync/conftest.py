"""One retail world per module, tidied between its stories: starting one costs seconds.

A module that uses it names an xdist group of its own, so that its stories run in one process, one
after the other. Each story takes articles nobody has touched and looks at its own orders.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connections
from pytest_django import DjangoDbBlocker

from tenants.context import public_context
from tests.conftest import empty_schemas, hand_schemas_back
from tests.sync.retail import Retail, retail_world


@pytest.fixture(autouse=True)
def _schemas() -> None:
    """Instead of the suite's own: rows live as long as the module."""


@pytest.fixture(scope="module")
def transactional_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Instead of pytest-django's: rows are really committed, and cleaned after the module."""
    with django_db_blocker.unblock():
        hand_schemas_back()
        try:
            yield
        finally:
            empty_schemas()
            with public_context():
                call_command("flush", interactive=False, verbosity=0, inhibit_post_migrate=True)
            hand_schemas_back()
            connections.close_all()


@pytest.fixture(scope="module")
def world(transactional_db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retail]:
    """The systems, really running, with their shelves filled."""
    folder = tmp_path_factory.mktemp("world") / "tills"
    with pytest.MonkeyPatch.context() as environment, retail_world(folder, environment) as retail:
        yield retail


@pytest.fixture
def retail(world: Retail) -> Iterator[Retail]:
    """The module's world, for one story."""
    yield world
    world.tidy()


@pytest.fixture
def till_folder(retail: Retail) -> Path:
    """Where store S01 drops its journals."""
    return retail.folder / "S01" / "out"

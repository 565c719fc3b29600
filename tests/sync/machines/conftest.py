"""A bench per module, and how long machines run: briefly in the suite, for long when asked to.

``pytest tests/sync/machines --hypothesis-profile=long`` tries new examples each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest
from hypothesis import HealthCheck, settings

from hub.proof.chaos.injection.failpoints import POINTS
from hub.proof.chaos.injection.loading import put_in
from tests.sync.machines.world import Halts, World, bench_world

settings.register_profile("long", max_examples=400, stateful_step_count=60, deadline=None)


@pytest.fixture(scope="module")
def bench(transactional_db: None) -> Iterator[World]:
    """The engine with systems in memory, for the module."""
    with pytest.MonkeyPatch.context() as patch, bench_world(patch) as world:
        yield world


@pytest.fixture
def world(bench: World) -> World:
    """The bench, tidied for one story."""
    bench.tidy()
    return bench


@pytest.fixture(scope="module")
def points() -> Iterator[Halts]:
    """The chaos harness's failpoints, put into the engine of this process."""
    halts = Halts()
    replaced = [
        place
        for module in sorted({p.module for p in POINTS if not p.module.endswith("ingress")})
        for place in put_in(import_module(module), halts)
    ]
    yield halts
    for owner, name, original in reversed(replaced):
        setattr(owner, name, original)


@pytest.fixture
def halts(points: Halts, world: World) -> Iterator[Halts]:
    """Where threads can be halted; nobody is, until a story says so."""
    yield points
    points.clear()


def brief(examples: int, steps: int) -> settings:
    """So many examples in the suite, always the same ones; the profile's own when asked for."""
    if settings.default.max_examples > 100:
        return settings(settings.default, suppress_health_check=list(HealthCheck), database=None)
    return settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True,
        database=None, suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip

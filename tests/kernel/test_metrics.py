"""Metrics count kinds of things, never customers."""

from __future__ import annotations

import pytest

from kernel.telemetry import metrics


@pytest.mark.parametrize("label", ["partner", "merchant", "sku", "url", "connection"])
def test_a_label_that_grows_with_the_data_is_refused(label) -> None:
    with pytest.raises(metrics.UnboundedLabel, match=label):
        metrics.counter("tested", "…", ("outcome", label))


def test_what_is_counted_is_exposed() -> None:
    metrics.PROCESSED.labels(step="deliver", outcome="settled").inc()
    text, content_type = metrics.exposition()
    assert 'crossdock_steps_total{outcome="settled",step="deliver"}' in text.decode()
    assert content_type.startswith("text/plain")

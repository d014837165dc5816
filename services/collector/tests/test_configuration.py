"""The collector itself judges what the operator renders for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tracefoundry_operator.api.instance import (
    AttributeFilter,
    Collector,
    Storage,
    TailSampling,
)

from collector_process import rendered, validate

VARIANTS = {
    "defaults": Collector(),
    "one attribute dropped": Collector(attributes=AttributeFilter(drop=("http.request.body",))),
    "only some attributes kept": Collector(
        attributes=AttributeFilter(allow=("http.route", 'od"d$key'), drop=("a.b", "c\\d"))
    ),
    "tail sampling": Collector(
        tail_sampling=TailSampling(
            latency_milliseconds=500, operations=("checkout", 'quo"ted$'), percentage=5
        )
    ),
    "everything": Collector(
        k8s_attributes=True,
        storage=Storage(size="1Gi"),
        attributes=AttributeFilter(drop=("a",), allow=("b",)),
        tail_sampling=TailSampling(),
    ),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_collector_takes_what_the_operator_renders(name: str, tmp_path: Path) -> None:
    """Every variant is valid for this version, with the components that are built in."""
    result = validate(rendered(VARIANTS[name]), tmp_path)
    assert (0, "") == (result.returncode, result.stderr)


def test_the_collector_refuses_a_key_of_another_version(tmp_path: Path) -> None:
    """The check does look: a mistaken key fails it."""
    config = rendered(Collector())
    config["exporters"]["otlp_http/ingest"]["sending_queue"]["blocking"] = True
    result = validate(config, tmp_path)
    assert result.returncode != 0
    assert "blocking" in result.stderr

"""What instances are rendered to, word for word.

A new operator must not restart anybody's workloads by accident, so every change of a rendered
object shows here. After an intended one, write the files again and read the difference:
``TRACEFOUNDRY_WRITE_GOLDEN=1 .venv/bin/pytest operator/tests/test_golden.py``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.instances import FULL, MINIMAL, rendering
from tracefoundry_operator.manifests import instance
from tracefoundry_operator.manifests.rendering import Manifest

GOLDEN = Path(__file__).parent / "golden"
CASES: dict[str, Mapping[str, Any]] = {"minimal": MINIMAL, "full": FULL}


class Dumper(yaml.SafeDumper):
    """Several lines as a block, no references: the files are for reading."""

    def ignore_aliases(self, data: object) -> bool:
        """Write equal parts out."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, _text)


def written(objects: Iterable[Manifest]) -> str:
    """The objects as one file."""
    text: str = yaml.dump_all(objects, Dumper=Dumper, sort_keys=True, width=1000)
    return text


@pytest.mark.parametrize("component", ["base", "migration", "rollout"])
@pytest.mark.parametrize("case", CASES)
def test_rendered_objects_are_those_of_the_golden_file(case: str, component: str) -> None:
    """See the module's text for how to write the files again."""
    stages = instance.render(rendering(CASES[case]))
    objects = {"base": stages.base, "migration": (stages.migration,), "rollout": stages.rollout}
    path = GOLDEN / f"{case}-{component}.yaml"
    found = written(objects[component])
    if os.environ.get("TRACEFOUNDRY_WRITE_GOLDEN"):
        path.write_text(found, encoding="utf-8")

    assert path.read_text(encoding="utf-8") == found


def test_rendering_twice_gives_the_same_objects() -> None:
    """A second pass must find nothing to do."""
    assert instance.render(rendering(FULL)) == instance.render(rendering(FULL))

"""The rendered objects of instances, word for word.

A new operator must not restart anybody's workloads by accident, so every change of a rendered
object must show here. ``golden/full.yaml`` has all objects of an instance with every setting, and
the Jobs of an export of it. ``golden/minimal.diff`` has, for each of its objects, what is different
in an instance with the required settings only. Both are exact: the objects of the minimal instance
can be built from the two. After an intended change write the files again and read the difference:
``TRACEFOUNDRY_WRITE_GOLDEN=1 .venv/bin/pytest operator/tests/test_golden.py``.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.instances import FULL, MINIMAL, export_jobs, rendering
from tracefoundry_operator.manifests import instance
from tracefoundry_operator.manifests.rendering import Manifest

GOLDEN = Path(__file__).parent / "golden"
STAGES = ("base", "migration", "rollout", "exports")

HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@\n")

Texts = dict[str, str]
"""Rendered objects as YAML, by stage, kind and component, in the order of their application."""


class Dumper(yaml.SafeDumper):
    """Writes multi-line strings as blocks, and equal parts in full: the files are for reading."""

    def ignore_aliases(self, data: object) -> bool:
        """Write no references."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, _text)


def rendered(spec: Mapping[str, Any]) -> Texts:
    """All objects of an instance, and the Jobs of an export of it."""
    stages = instance.render(rendering(spec))
    objects: dict[str, Iterable[Manifest]] = {
        "base": stages.base,
        "migration": (stages.migration,),
        "rollout": stages.rollout,
        "exports": export_jobs(rendering(spec)),
    }
    found: Texts = {}
    for stage in STAGES:
        for each in objects[stage]:
            # Not by name: that of a Job contains a hash.
            component = each["metadata"]["labels"]["app.kubernetes.io/component"]
            key = f"{stage}: {each['kind']} {component}"
            assert key not in found
            found[key] = yaml.dump(
                each, Dumper=Dumper, sort_keys=True, width=100, default_flow_style=None
            )
    return found


def whole(texts: Texts) -> str:
    """All objects as one file."""
    return "".join(f"--- # {key}\n{text}" for key, text in texts.items())


def differences(texts: Texts, reference: Texts) -> str:
    """How the objects differ from those of the reference: changed lines, and missing objects."""
    assert [key for key in reference if key in texts] == list(texts)  # none is new, none is moved
    found = []
    for key, before in reference.items():
        if key not in texts:
            found.append(f"=== {key}: missing\n")
        elif texts[key] != before:
            found.append(f"=== {key}\n")
            found += list(
                difflib.unified_diff(
                    before.splitlines(keepends=True), texts[key].splitlines(keepends=True), n=0
                )
            )[2:]
    return "".join(found)


FILES = {
    "full.yaml": lambda: whole(rendered(FULL)),
    "minimal.diff": lambda: differences(rendered(MINIMAL), rendered(FULL)),
}


@pytest.mark.parametrize("name", FILES)
def test_rendered_objects_are_those_of_the_golden_files(name: str) -> None:
    """See the module's text for how to write the files again."""
    path, found = GOLDEN / name, FILES[name]()
    if os.environ.get("TRACEFOUNDRY_WRITE_GOLDEN"):
        path.write_text(found, encoding="utf-8")

    assert path.read_text(encoding="utf-8") == found


def rebuilt(reference: Texts, written: str) -> Texts:
    """The objects that a file of differences describes."""
    found = dict(reference)
    for section in written.split("=== ")[1:]:
        title, *lines = section.splitlines(keepends=True)
        key = title.rstrip("\n").removesuffix(": missing")
        if title.endswith(": missing\n"):
            del found[key]
            continue
        before, after, position = reference[key].splitlines(keepends=True), list[str](), 0
        for line in lines:
            if hunk := HUNK.fullmatch(line):
                first, count = int(hunk[1]), int(hunk[2] or 1)
                # Without removed lines the number is that of the line before.
                start = first - 1 if count else first
                after += before[position:start]
                position = start + count
            elif line.startswith("+"):
                after.append(line[1:])
        found[key] = "".join([*after, *before[position:]])
    return found


def test_the_minimal_instance_can_be_rebuilt_from_the_golden_files() -> None:
    """So the file of differences leaves nothing out."""
    full, minimal = rendered(FULL), rendered(MINIMAL)
    found = rebuilt(full, differences(minimal, full))
    assert (minimal, list(minimal)) == (found, list(found))


def test_rendering_twice_gives_the_same_objects() -> None:
    """A second pass must find nothing to do."""
    assert instance.render(rendering(FULL)) == instance.render(rendering(FULL))

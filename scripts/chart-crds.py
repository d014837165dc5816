#!/usr/bin/env python3
"""Copies the resource definitions from crds/ into the chart: scripts/chart-crds.py [--check]

In the chart they are templates, so that upgrades reach them (what stands in a chart's own folder
crds/ is installed once and never again), behind a value, and kept when the release is uninstalled:
deleting a definition deletes all of its resources.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "charts" / "tracefoundry" / "templates"


def template(source: Path) -> str:
    """The template of a definition.

    Raises:
        ValueError: its text has no place for the annotation, or would be taken for a template.
    """
    lines = source.read_text(encoding="utf-8").splitlines()
    content = [line for line in lines if not line.startswith("#")]
    text = "\n".join(content)
    if "{{" in text or "metadata:\n  name: " not in text:
        raise ValueError(f"{source.name}: cannot be made a template")
    text = text.replace(
        "metadata:\n  name: ",
        "metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n  name: ",
        1,
    )
    return (
        f"{{{{- /* Made from crds/{source.name} by scripts/chart-crds.py. */ -}}}}\n"
        f"{{{{- if .Values.crds.enabled }}}}\n{text}\n{{{{- end }}}}\n"
    )


def main() -> int:
    """Write the templates, or with --check say which differ; 1 if any does."""
    differing = 0
    for source in sorted((ROOT / "crds").glob("*.yaml")):
        target = TEMPLATES / f"crd-{source.stem.rpartition('_')[2]}.yaml"
        wanted = template(source)
        if target.exists() and target.read_text(encoding="utf-8") == wanted:
            continue
        if "--check" in sys.argv[1:]:
            sys.stderr.write(f"{target.relative_to(ROOT)} is not made from {source.name}\n")
            differing = 1
        else:
            target.write_text(wanted, encoding="utf-8")
            sys.stdout.write(f"wrote {target.relative_to(ROOT)}\n")
    return differing


if __name__ == "__main__":
    sys.exit(main())

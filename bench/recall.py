"""`make recall`: how many kinds of provider values redaction finds, as docs/content.md shows it.

The values are made from a list beside the tests, see services/tests/redaction/recall.py.
"""

from __future__ import annotations

from redaction.recall import measured
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Policy


def main() -> None:
    """Print a row for each group, and the kinds that are missed."""
    kinds = list(measured(Redactor(Policy())))
    for group in dict.fromkeys(kind.group for kind in kinds):
        of_group = [kind for kind in kinds if kind.group == group]
        found = sum(kind.all_found for kind in of_group)
        print(f"{group:24} {found:3} of {len(of_group):3} kinds")
    found = sum(kind.all_found for kind in kinds)
    print(f"{'all':24} {found:3} of {len(kinds):3} kinds, {100 * found / len(kinds):.0f} %")
    for kind in kinds:
        if not kind.all_found:
            print(f"missed: {kind.name} ({kind.found} of {kind.values} values)")


if __name__ == "__main__":
    main()

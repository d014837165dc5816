"""`make recall`: how much redaction finds, as docs/content.md shows it.

Kinds of provider values, and values by the context in which they stand.

The values are made from lists beside the tests, see services/tests/redaction/recall.py.
"""

from __future__ import annotations

from redaction.recall import measured, measured_contexts
from tracefoundry.redaction.engine import Redactor
from tracefoundry.redaction.policy import Policy


def main() -> None:
    """Print a row for each group, and what is missed."""
    redactor = Redactor(Policy())
    kinds = list(measured(redactor))
    for group in dict.fromkeys(kind.group for kind in kinds):
        of_group = [kind for kind in kinds if kind.group == group]
        found = sum(kind.all_found for kind in of_group)
        print(f"{group:24} {found:3} of {len(of_group):3} kinds")
    found = sum(kind.all_found for kind in kinds)
    print(f"{'all':24} {found:3} of {len(kinds):3} kinds, {100 * found / len(kinds):.0f} %")
    for kind in kinds:
        if not kind.all_found:
            print(f"missed: {kind.name} ({kind.found} of {kind.values} values)")
    contexts = list(measured_contexts(redactor))
    for group in dict.fromkeys(context.group for context in contexts):
        of_group = [context for context in contexts if context.group == group]
        values = sum(context.values for context in of_group)
        share = 100 * sum(context.found for context in of_group) / values
        print(f"{group:32} {share:5.1f} % of {values} values in {len(of_group)} contexts")
    for context in contexts:
        if context.found < context.values:
            print(
                f"missed: {context.name!r} ({context.values - context.found} of {context.values})"
            )


if __name__ == "__main__":
    main()

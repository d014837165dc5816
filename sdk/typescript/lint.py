"""Check the TypeScript SDK with compiler, ESLint and Prettier, on the Node of the test tools."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from node_packages import linked, node

PACKAGE = Path(__file__).parent
CHECKS = (
    ("build.mjs",),
    ("node_modules/typescript/bin/tsc", "-p", "tsconfig.tests.json"),
    ("node_modules/eslint/bin/eslint.js", "."),
    ("node_modules/prettier/bin/prettier.cjs", "--check", "."),
)


def main() -> int:
    """Run all checks; the exit status is 1 if one failed."""
    linked(PACKAGE)
    ended = [subprocess.run([*node(), *check], cwd=PACKAGE, check=False) for check in CHECKS]  # noqa: S603 - our own commands
    return 1 if any(done.returncode for done in ended) else 0


if __name__ == "__main__":
    sys.exit(main())

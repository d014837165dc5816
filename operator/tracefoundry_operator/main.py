"""The program ``tracefoundry-operator``. It takes no arguments; see ``settings.py``."""

from __future__ import annotations

import asyncio
import logging
import sys

from tracefoundry_operator.settings import Settings, SettingsError


def main() -> None:
    """Run the operator until a signal; exit 2 if a setting cannot be used."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    # kopf tells of each event that it handled; what we do about it is told by our own passes.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"tracefoundry-operator: {error}\n")
        raise SystemExit(2) from error
    from tracefoundry_operator import handlers

    asyncio.run(handlers.run(settings))


if __name__ == "__main__":
    main()

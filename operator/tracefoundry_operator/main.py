"""The program ``tracefoundry-operator``. It takes no arguments; see ``settings.py``."""

from __future__ import annotations

import asyncio
import logging
import sys

from tracefoundry_operator.settings import Settings, SettingsError


def main() -> None:
    """Run the operator until a signal; exit with status 2 if a setting cannot be used."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    # kopf logs each handled event; our passes log what they do about it.
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

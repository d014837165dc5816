"""Who is asked for a token by the listening processes, and the hint for the first one."""

from __future__ import annotations

import ipaddress
import logging
from typing import TYPE_CHECKING

from tracefoundry.cli.errors import CliError

if TYPE_CHECKING:
    from tracefoundry.auth.tokens import Tokens

_log = logging.getLogger("tracefoundry")


def is_loopback(host: str) -> bool:
    """True for ``localhost`` and loopback addresses."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def asks_tokens(host: str, *, insecure_no_auth: bool, require_token: bool) -> bool:
    """Whether a process that listens on ``host`` asks for tokens: where others can reach it, and
    on loopback if told to.

    Raises:
        CliError: the options contradict each other.
    """
    if require_token and insecure_no_auth:
        raise CliError("--require-token and --insecure-no-auth were both given", "Choose one")
    return require_token or not (is_loopback(host) or insecure_no_auth)


def hint_at_first_token(tokens: Tokens) -> None:
    """Say how to make a token where there is none yet, so that nobody could do anything."""
    from tracefoundry.store.contract import StoreError

    try:
        if tokens.any_live():
            return
    except StoreError as error:
        _log.warning("cannot tell whether there is a token yet: %s", error)
        return
    _log.warning(
        "tokens are asked for and there is none yet; make one, on the same --data or --database:"
        " tracefoundry token create --role admin --name NAME (role ingest for what sends OTLP)"
    )

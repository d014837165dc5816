"""Authentication of requests, the same for the API, OTLP over HTTP and OTLP over gRPC.

A :class:`Gate` knows whether this process asks for tokens, finds the caller of a token, and
records refusals in the audit log. It refuses with :class:`Refused`; each protocol decides only how
to write that down for its clients.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Literal

from starlette.types import Scope

from tracefoundry.auth.audit import AuditLog
from tracefoundry.auth.authenticator import Authenticator
from tracefoundry.auth.caller import Caller, loopback_caller
from tracefoundry.auth.errors import Unauthenticated
from tracefoundry.auth.failed_attempts import FailedAttempts
from tracefoundry.auth.token_text import token_of
from tracefoundry.rare_log import RareLog
from tracefoundry.store.api import StoreUnavailable

SEND = "otlp.send"
"""The action of sending OTLP, in the audit log."""

CHALLENGE: Final = 'Bearer realm="tracefoundry"'
"""``WWW-Authenticate`` of a 401."""

Reason = Literal["unauthenticated", "forbidden", "unavailable"]


class Refused(Exception):
    """A request that may not go on.

    Attributes:
        reason: ``unauthenticated`` (no token, or none that is accepted) and ``forbidden`` (the
            role does not allow it) are permanent and have been recorded; ``unavailable`` (the
            token cannot be checked now) may be retried. The message never holds what was sent.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason


class Gate:
    """Finds out who sends a request. ``authenticator`` None asks for no tokens: every caller is
    then the unrestricted one of loopback.
    """

    def __init__(self, authenticator: Authenticator | None, audit: AuditLog) -> None:
        self._authenticator = authenticator
        self._failed_attempts = FailedAttempts()
        self._rare_log = RareLog()
        self.audit = audit

    @property
    def asks(self) -> bool:
        """True where a token is needed."""
        return self._authenticator is not None

    async def admit(
        self,
        authorization: Sequence[str],
        *,
        address: str | None,
        action: str,
        basic: bool = False,
    ) -> Caller:
        """The caller that these ``Authorization`` headers name.

        Args:
            authorization: the values of all ``Authorization`` headers of the request.
            address: the peer's address.
            action: what is asked for, as the audit log calls it.
            basic: take a token as the password of Basic authentication too.

        Raises:
            Refused: ``unauthenticated`` or ``unavailable``.
        """
        if self._authenticator is None:
            return loopback_caller(address)
        try:
            token = token_of(authorization, basic=basic)
            return await self._authenticator.authenticate(token, address)
        except Unauthenticated as error:
            self.audit.record_denied(action, status=401, address=address)
            await self._failed_attempts.failed(address)
            raise Refused("unauthenticated", str(error)) from error
        except StoreUnavailable as error:
            # Why is nothing that strangers should know: it may name the database's host and user.
            self._rare_log.warn(str(error), f"tokens cannot be checked: {error}")
            raise Refused("unavailable", "the token cannot be checked now; try again") from error

    async def admit_sender(
        self, authorization: Sequence[str], *, address: str | None, target: str
    ) -> Caller:
        """The caller that sends OTLP to ``target``, a path or a gRPC method.

        Raises:
            Refused: for any of its reasons.
        """
        caller = await self.admit(authorization, address=address, action=SEND, basic=True)
        if caller.may_send:
            return caller
        await self.record_forbidden(caller, SEND, target=target)
        raise Refused(
            "forbidden",
            f"the token {caller.name!r} has the role {caller.role}; sending wants the role ingest",
        )

    async def record_forbidden(
        self,
        caller: Caller,
        action: str,
        *,
        target: str | None = None,
        project: str | None = None,
    ) -> None:
        """Record that a known caller was refused."""
        await asyncio.to_thread(
            self.audit.record_denied,
            action,
            status=403,
            caller=caller,
            target=target,
            project=project,
        )

    def record_wrong_origin(self, scope: Scope, action: str, reason: str) -> None:
        """Record that a request was refused for its Host or Origin, before its token was read."""
        self.audit.record_denied(action, status=403, address=peer_address(scope), detail=reason)


def authorization_headers(scope: Scope) -> list[str]:
    """The values of all ``Authorization`` headers of an HTTP request."""
    return [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]


def peer_address(scope: Scope) -> str | None:
    """The peer's address. Headers are not asked: they could say anything."""
    client = scope.get("client")
    return client[0] if client else None

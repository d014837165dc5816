"""The one gate that every door of a process leads to: HTTP, OTLP over HTTP, and gRPC.

It knows whether tokens are asked for here, tells callers by them, and writes down whom it refuses.
How a refusal is said is the door's affair.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tracefoundry.auth.audit import AuditLog
from tracefoundry.auth.authenticator import Authenticator
from tracefoundry.auth.caller import Caller, loopback_caller
from tracefoundry.auth.errors import Unauthenticated
from tracefoundry.auth.token_text import token_of

SEND = "otlp.send"
"""The action of sending OTLP, in the audit log."""


class Forbidden(Exception):
    """The caller is known and its role does not allow this; recorded already."""


class Gate:
    """``authenticator`` None asks nobody for a token: everyone is the caller of loopback."""

    def __init__(self, authenticator: Authenticator | None, audit: AuditLog) -> None:
        self._authenticator = authenticator
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
        """Who sends these ``Authorization`` headers from ``address``.

        ``action`` is what is wanted, for the audit log; ``basic`` takes a token as the password of
        Basic too.

        Raises:
            Unauthenticated: nobody that is known; recorded.
            StoreUnavailable: it cannot be told now.
        """
        if self._authenticator is None:
            return loopback_caller(address)
        try:
            token = token_of(authorization, basic=basic)
            return await self._authenticator.authenticate(token, address)
        except Unauthenticated:
            self.audit.record_denied(action, status=401, address=address)
            raise

    async def admit_sender(
        self, authorization: Sequence[str], *, address: str | None, target: str
    ) -> Caller:
        """Who sends OTLP to ``target``, a path or a method.

        Raises:
            Unauthenticated: nobody that is known; recorded.
            Forbidden: somebody who may not send; recorded.
            StoreUnavailable: it cannot be told now.
        """
        caller = await self.admit(authorization, address=address, action=SEND, basic=True)
        if caller.may_send:
            return caller
        await self.refuse(caller, SEND, target=target)
        raise Forbidden(
            f"the token {caller.name!r} has the role {caller.role}; sending wants the role ingest"
        )

    async def refuse(
        self,
        caller: Caller,
        action: str,
        *,
        target: str | None = None,
        project: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Record that a known caller was refused."""
        await asyncio.to_thread(
            self.audit.record_denied,
            action,
            status=403,
            caller=caller,
            target=target,
            project=project,
            detail=detail,
        )

    def refuse_origin(self, action: str, *, address: str | None, reason: str) -> None:
        """Record that a request was refused for its Host or Origin, by whomever."""
        self.audit.record_denied(action, status=403, address=address, detail=reason)

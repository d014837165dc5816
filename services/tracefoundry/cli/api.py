"""The HTTP client of the reading commands: answers as bytes, failures as one clear line each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from tracefoundry.auth.origin_check import LOOPBACK_HOSTS
from tracefoundry.server.errors import CommandError

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 60.0
DELETE_TIMEOUT_S = 900.0
"""Deletes of many traces run in batches on the server before the answer comes."""

UNREACHABLE = 3
"""Exit status of commands on bundles where the instance does not answer."""
IMPORT_TIMEOUT_S = 3_600.0
"""A large file is proven and stored before the answer comes."""
UPLOAD_BYTES = 256 * 1024

Params = Mapping[str, str | int | float | None]
"""Query parameters; those that are None are not sent."""

Answer = TypeVar("Answer")


class _ErrorBody(msgspec.Struct):
    code: str = ""
    message: str = ""
    remedy: str | None = None


class _ErrorAnswer(msgspec.Struct):
    error: _ErrorBody


_REMEDIES = {
    401: "pass a token with --token or TRACEFOUNDRY_TOKEN",
    403: "use a token whose role allows this",
    409: "name one project with --project",
    429: "try again in a moment",
    503: "the server cannot answer now; try again in a moment",
}


class Api:
    """One TraceFoundry instance, by its base URL.

    ``unreachable_status`` is the exit status where it does not answer.

    Raises:
        CommandError: the URL or the token cannot be used (at once), or a request failed.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        transport: httpx.BaseTransport | None = None,
        unreachable_status: int = 1,
    ) -> None:
        self._unreachable_status = unreachable_status
        base = _base_url(url)
        self.url = str(base).rstrip("/")
        headers = {"accept": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {_header_safe(token)}"
        try:
            self._client = httpx.Client(
                headers=headers,
                timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
                transport=transport,
                # No proxy of the environment leads to this machine itself.
                trust_env=base.host not in LOOPBACK_HOSTS,
            )
        except (ImportError, ValueError) as error:
            # A SOCKS proxy needs a package that is not part of the product.
            raise CommandError(
                "the proxy that ALL_PROXY, HTTPS_PROXY or HTTP_PROXY names cannot be used:"
                " only http:// proxies can",
                f"Unset the variable, or put {base.host} into NO_PROXY",
            ) from error

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._client.close()

    def get(self, path: str, params: Params | None = None) -> bytes:
        """The body of a GET, as received."""
        return self._request("GET", path, params, READ_TIMEOUT_S)

    def post(self, path: str, params: Params | None = None) -> bytes:
        """The body of the answer to a POST without a body of its own."""
        return self._request("POST", path, params, DELETE_TIMEOUT_S)

    def delete(self, path: str, params: Params | None = None) -> bytes:
        """The body of a DELETE, as received."""
        return self._request("DELETE", path, params, DELETE_TIMEOUT_S)

    def download(
        self, path: str, params: Params, body: object, take: Callable[[bytes], object]
    ) -> None:
        """The body of the answer to a POST of JSON, piece by piece as it comes.

        Raises:
            CommandError: it was refused, or broke off: what was taken is not the whole.
        """
        sent = {key: value for key, value in params.items() if value is not None}
        request = self._client.build_request("POST", self.url + path, params=sent, json=body)
        begun = False
        try:
            response = self._client.send(request, stream=True)
            try:
                if not response.is_success:
                    response.read()
                    raise self._refusal(response)
                begun = True
                for piece in response.iter_bytes():
                    take(piece)
            finally:
                response.close()
        except httpx.HTTPError as error:
            if begun:
                raise CommandError(
                    f"{self.url} broke off in the middle of its answer ({error})",
                    "look at the server's log, then try again",
                ) from error
            raise self._unreachable(error, READ_TIMEOUT_S) from error

    def post_file(
        self, path: str, params: Params | None, file: BinaryIO, sent: Callable[[int], object]
    ) -> bytes:
        """The answer to a POST whose body is a file; ``sent`` is told of each piece's bytes."""

        def pieces() -> Iterator[bytes]:
            while piece := file.read(UPLOAD_BYTES):
                yield piece
                sent(len(piece))

        headers = {"content-type": "application/octet-stream"}
        return self._request("POST", path, params, IMPORT_TIMEOUT_S, pieces(), headers)

    def check_otlp(self, endpoint: str) -> None:
        """Send an empty request, to find out whether an OTLP endpoint takes what we send.

        OTLP servers accept empty requests. So an address where nothing listens, a wrong path and
        a refused token are reported before any work, and without the exporter's retries.

        Raises:
            CommandError: it does not.
        """
        try:
            response = self._client.post(
                endpoint, content=b"", headers={"content-type": "application/x-protobuf"}
            )
        except httpx.HTTPError as error:
            raise self._unreachable(error, READ_TIMEOUT_S) from error
        if not response.is_success:
            raise self._refusal(response)

    def decode(self, body: bytes, shape: type[Answer]) -> Answer:
        """An answer as its struct; unknown fields are ignored."""
        try:
            return msgspec.json.decode(body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CommandError(
                f"{self.url} did not answer like TraceFoundry ({error})",
                "check --url, and that both are of the same version",
            ) from error

    def _request(
        self,
        method: str,
        path: str,
        params: Params | None,
        timeout_s: float,
        content: Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        sent = {key: value for key, value in (params or {}).items() if value is not None}
        try:
            response = self._client.request(
                method,
                self.url + path,
                params=sent,
                content=content,
                headers=headers,
                timeout=httpx.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S),
            )
        except httpx.HTTPError as error:
            raise self._unreachable(error, timeout_s) from error
        if response.is_success:
            return response.content
        raise self._refusal(response)

    def _unreachable(self, error: httpx.HTTPError, timeout_s: float) -> CommandError:
        message, remedy = self._trouble(error, timeout_s)
        return CommandError(message, remedy, exit_status=self._unreachable_status)

    def _trouble(self, error: httpx.HTTPError, timeout_s: float) -> tuple[str, str]:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return (
                f"no TraceFoundry at {self.url}{_why(error)}",
                "start one with `tracefoundry serve`, or pass --url",
            )
        if isinstance(error, httpx.TimeoutException):
            return (
                f"{self.url} did not answer within {timeout_s:.0f} s",
                "try again, or narrow what you ask for",
            )
        if isinstance(error, httpx.RemoteProtocolError):
            return (
                f"{self.url} does not answer in HTTP ({error})",
                "pass the address of the API (port 8080 by default), not that of gRPC",
            )
        return (f"the request to {self.url} failed: {error}", "try again")

    def _refusal(self, response: httpx.Response) -> CommandError:
        status = response.status_code
        try:
            body = msgspec.json.decode(response.content, type=_ErrorAnswer).error
        except (msgspec.DecodeError, UnicodeDecodeError):
            return CommandError(
                f"{self.url} answered {status} {response.reason_phrase}".rstrip(),
                _REMEDIES.get(status, "check --url: it may not be a TraceFoundry"),
            )
        message = body.message or body.code or f"HTTP {status}"
        return CommandError(message, body.remedy or _REMEDIES.get(status, ""))


def path_of(*segments: str) -> str:
    """An API path from segments that may hold anything."""
    return "/api/" + "/".join(quote(segment, safe="") for segment in segments)


def _base_url(url: str) -> httpx.URL:
    try:
        base = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise CommandError(f"{url!r} is not a URL ({error})", _URL_REMEDY) from error
    if base.scheme not in ("http", "https") or not base.host or (base.port or 0) > 65_535:
        raise CommandError(f"{url!r} is not an http or https URL", _URL_REMEDY)
    if base.userinfo:
        raise CommandError("the URL holds a password", "pass the token with TRACEFOUNDRY_TOKEN")
    return base.copy_with(query=None, fragment=None)


_URL_REMEDY = "pass one such as http://127.0.0.1:8080"


def _header_safe(token: str) -> str:
    # The token itself never appears in a message.
    text = token.strip()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise CommandError("the token holds characters that no token has", "copy it again")
    return text


def _why(error: Exception) -> str:
    text = str(error)
    if "refused" in text or not text:
        return ""
    return f" ({text})"

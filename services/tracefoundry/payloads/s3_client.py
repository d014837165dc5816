"""Clients of S3 and compatible servers, and what to do about their errors.

Credentials, region and endpoint come from the usual settings of AWS tools (``AWS_*``,
``AWS_ENDPOINT_URL_S3``, profiles). Messages name the endpoint's host and the bucket, never
credentials or text from the server.
"""

from __future__ import annotations

import re
from typing import Any, Literal
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    SSLError,
)

from tracefoundry.payloads.errors import ObjectStoreMisconfigured

Addressing = Literal["auto", "path", "virtual"]

_UNKNOWN_KEY = "the access key is not known there: check AWS_ACCESS_KEY_ID"
_REMEDIES = {
    "AccessDenied": "access is denied: allow s3:GetObject, s3:PutObject, s3:DeleteObject and"
    " s3:ListBucket on the bucket",
    "AllAccessDisabled": "access is disabled by the provider",
    "AuthorizationHeaderMalformed": "the region is wrong: set AWS_REGION to the bucket's region",
    "ExpiredToken": "the credentials have expired: renew them",
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "InvalidBucketName": "the bucket's name is not allowed there: correct the payload URL",
    "NoSuchBucket": "the bucket does not exist: create it, or correct the payload URL",
    "PermanentRedirect": "the bucket is in another region: set AWS_REGION to it",
    "QuotaExceeded": "the bucket's quota is used up",
    "RequestTimeTooSkewed": "the clocks differ: set this machine's clock",
    "SignatureDoesNotMatch": "the secret key is refused: check AWS_SECRET_ACCESS_KEY",
    "SlowDown": "the store asks for fewer requests",
    "XAdminUserNotFound": _UNKNOWN_KEY,  # versitygw
}
_STATUS_REMEDIES = {
    301: _REMEDIES["PermanentRedirect"],
    401: _REMEDIES["AccessDenied"],
    403: _REMEDIES["AccessDenied"],
    404: _REMEDIES["NoSuchBucket"],
}


def make_client(
    *,
    addressing: Addressing,
    connect_timeout_s: float,
    read_timeout_s: float,
    attempts: int,
    connections: int,
) -> tuple[Any, str]:
    """A client, and its endpoint for messages; nothing is sent yet.

    Args:
        addressing: ``auto`` puts the bucket in the path except at AWS itself.
        connect_timeout_s: longest time of one connection attempt.
        read_timeout_s: longest wait for the next byte from the server.
        attempts: how often a request is tried in total.
        connections: most connections at the same time.

    Raises:
        ObjectStoreMisconfigured: the AWS_* settings cannot be used.
    """
    options: dict[str, Any] = {
        "connect_timeout": connect_timeout_s,
        "read_timeout": read_timeout_s,
        "retries": {"mode": "standard", "total_max_attempts": attempts},
        "max_pool_connections": connections,
        # Newer boto3 versions add CRC trailers to every PUT, which many servers refuse. We do not
        # need them: what is read is compared with its SHA-256.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    try:
        session = boto3.session.Session()
        client: Any = session.client("s3", config=Config(**options))
        endpoint = _shown(client.meta.endpoint_url)
        if addressing == "auto":
            addressing = "virtual" if _is_aws(endpoint) else "path"
        options["s3"] = {"addressing_style": addressing}
        return session.client("s3", config=Config(**options)), endpoint
    except (BotoCoreError, ValueError) as error:
        raise ObjectStoreMisconfigured(
            f"the S3 client cannot be made ({type(error).__name__}): check AWS_REGION,"
            " AWS_PROFILE and AWS_ENDPOINT_URL_S3"
        ) from None


def remedy(error: Exception) -> str:
    """What to do about an error of a request."""
    if isinstance(error, ClientError):
        code, status = error_code(error), error_status(error)
        known = _REMEDIES.get(code) or _STATUS_REMEDIES.get(status)
        return known or f"it answered {status} {code}".rstrip()
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    if isinstance(error, SSLError):
        return "its certificate is not trusted: set AWS_CA_BUNDLE to the file of its authority"
    if isinstance(error, EndpointConnectionError | ConnectTimeoutError):
        return "nothing answers there: check AWS_ENDPOINT_URL_S3 and that the server runs"
    if isinstance(error, ReadTimeoutError | TimeoutError):
        return "it answers too slowly"
    return f"the connection failed ({type(error).__name__})"


def error_code(error: ClientError) -> str:
    """The error code, if it has the form of one; the answer may be arbitrary text."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if re.fullmatch(r"[A-Za-z][A-Za-z0-9.]{0,63}", code) else ""


def error_status(error: ClientError) -> int:
    """The HTTP status of an error; 0 without one."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _shown(endpoint: str) -> str:
    """Scheme, host and port only, because a URL may have a password in it."""
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _is_aws(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

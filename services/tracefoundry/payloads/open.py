"""Opens the object store that a payload URL names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit
from urllib.request import url2pathname

from tracefoundry.payloads.errors import ObjectStoreMisconfigured
from tracefoundry.payloads.filesystem import FilesystemStore
from tracefoundry.payloads.objects import ObjectStore

_BUCKET = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,61}[a-zA-Z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*")
_MAX_PREFIX_BYTES = 512
_ADDRESSING: dict[str, Literal["auto", "path", "virtual"]] = {
    "": "auto",
    "addressing=path": "path",
    "addressing=virtual": "virtual",
}


def open_object_store(url: str) -> ObjectStore:
    """The store of ``file:///DIR`` or ``s3://bucket/prefix``.

    For S3, ``?addressing=path`` or ``?addressing=virtual`` puts the bucket's name into the path or
    the host name. By default it is in the host name at AWS and in the path elsewhere.

    Raises:
        ObjectStoreMisconfigured: the URL is malformed.
        ObjectStoreUnavailable: the folder cannot be created or written.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _misconfigured("it is not a URL") from None
    if "@" in parts.netloc:
        raise _misconfigured("it holds credentials; set AWS_ACCESS_KEY_ID and so on instead")
    if parts.scheme == "file":
        return FilesystemStore(_folder(parts))
    if parts.scheme == "s3":
        return _open_s3(parts)
    raise _misconfigured("its scheme is neither file nor s3")


def _folder(parts: SplitResult) -> Path:
    folder = Path(url2pathname(parts.path))
    if parts.netloc not in ("", "localhost") or parts.query or parts.fragment:
        raise _misconfigured("a file URL has three slashes and then the folder")
    if not folder.is_absolute() or folder == Path(folder.anchor) or "\x00" in str(folder):
        raise _misconfigured("the folder must be an absolute path below the root")
    return folder


def _open_s3(parts: SplitResult) -> ObjectStore:
    prefix = parts.path.strip("/")
    if _BUCKET.fullmatch(parts.netloc) is None:
        raise _misconfigured("the bucket's name is not 3 to 63 letters, digits, dots and dashes")
    steps = prefix.split("/")
    if prefix and (
        _PREFIX.fullmatch(prefix) is None
        or len(prefix) > _MAX_PREFIX_BYTES
        or any(step in (".", "..") for step in steps)
    ):
        raise _misconfigured("the prefix may hold letters, digits and -_.!*'() between slashes")
    addressing = _ADDRESSING.get(parts.query)
    if addressing is None or parts.fragment:
        raise _misconfigured("the only option is addressing=path or addressing=virtual")
    # boto3 takes a third of a second and 25 MB to import, which a payload folder does not need.
    from tracefoundry.payloads.s3 import S3Store

    return S3Store(parts.netloc, prefix, addressing=addressing)


def _misconfigured(what: str) -> ObjectStoreMisconfigured:
    # The URL itself is not shown, because people put credentials into it.
    return ObjectStoreMisconfigured(
        f"the payload URL cannot be used: {what}. Use file:///DIR or s3://bucket/prefix"
    )

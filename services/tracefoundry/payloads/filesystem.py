"""Payload objects as files: ``file:///DIR``.

A file is written in the folder ``.incoming``, flushed to the disk and renamed, and then its new
folder is flushed. So after a power cut an object is complete or absent. Only the owner can read
content. Files that a crash left in ``.incoming`` are removed after an hour.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tracefoundry.disk_space import is_full
from tracefoundry.payloads.errors import ObjectMissing, ObjectStoreUnavailable
from tracefoundry.payloads.objects import StoredObject, check_name, check_prefix, is_name

_INCOMING = ".incoming"
_LEFTOVER_AGE_S = 3600.0
_MAX_LEFTOVERS_A_RUN = 1000
_FOLDER_ATTEMPTS = 200

_REMEDIES = {
    errno.ENOSPC: "the disk is full: free space, or shorten TRACEFOUNDRY_RETENTION_PAYLOADS",
    errno.EDQUOT: "the disk quota is used up: raise it, or shorten TRACEFOUNDRY_RETENTION_PAYLOADS",
    errno.EACCES: "permission is denied: let the user of this process read and write the folder",
    errno.EPERM: "permission is denied: let the user of this process read and write the folder",
    errno.EROFS: "the file system is read-only: mount it for writing",
    errno.EMFILE: "too many files are open: raise the limit (ulimit -n)",
    errno.ENOENT: "the folder is gone: mount or create it again",
    errno.ENOTDIR: "a file stands where a folder must be: move it away",
}


class FilesystemStore:
    """Objects in a folder; several processes may use it at once."""

    def __init__(self, root: Path) -> None:
        """Use a folder, which is created if it is missing; leftovers of crashes are removed.

        Raises:
            ObjectStoreUnavailable: the folder cannot be created or written.
        """
        self.root = root
        self._incoming = root / _INCOMING
        with self._errors("open"):
            self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (root, self._incoming):
                _close_to_others(folder)
        self.clean_leftovers(time.time())

    def put(self, name: str, data: bytes) -> None:
        """See :class:`~tracefoundry.payloads.objects.ObjectStore`."""
        path = self._path(name)
        with self._errors(f"write {name} to"):
            if _has_size(path, len(data)):
                # Another writer may have renamed it but not flushed it yet. And if the object has
                # no rows, a new time keeps retention from removing it before ours are committed.
                os.utime(path)
                _flush(path)
            else:
                self._write(path, data)
            _flush_folder(path.parent)

    def put_many(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """See :class:`~tracefoundry.payloads.objects.ObjectStore`; one after another."""
        for name, _ in objects:
            check_name(name)
        for name, data in objects:
            self.put(name, data)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """See :class:`~tracefoundry.payloads.objects.ObjectStore`."""
        path = self._path(name)
        with self._errors(f"read {name} from"):
            try:
                with path.open("rb") as file:
                    file.seek(offset)
                    return file.read(length)
            except FileNotFoundError:
                # If the disk is not mounted, that is no proof that the object is missing.
                if not self._incoming.is_dir():
                    raise
        raise ObjectMissing(name)

    def delete(self, names: Iterable[str]) -> None:
        """See :class:`~tracefoundry.payloads.objects.ObjectStore`."""
        folders: set[Path] = set()
        for name in names:
            path = self._path(name)
            with self._errors(f"delete {name} from"), contextlib.suppress(FileNotFoundError):
                path.unlink()
                folders.add(path.parent)
        with self._errors("delete from"):
            for folder in folders:
                with contextlib.suppress(FileNotFoundError):
                    _flush_folder(folder)
                _remove_if_empty(folder)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """See :class:`~tracefoundry.payloads.objects.ObjectStore`."""
        check_prefix(prefix)
        return self._list(prefix)

    def delete_prefix(self, prefix: str) -> int:
        """See :class:`~tracefoundry.payloads.objects.ObjectStore`."""
        check_prefix(prefix, empty=False)
        removed = 0
        with self._errors(f"delete {prefix} from"):
            for day in self._days(prefix):
                for path in _entries(day):
                    if is_name(path.relative_to(self.root).as_posix()):
                        with contextlib.suppress(FileNotFoundError):
                            path.unlink()
                            removed += 1
                with contextlib.suppress(FileNotFoundError):
                    _flush_folder(day)
                _remove_if_empty(day)
            _remove_if_empty(self.root / prefix.split("/")[0])
        return removed

    def check(self) -> None:
        """See :class:`~tracefoundry.payloads.objects.ObjectStore`; writes and removes a file."""
        with self._errors("write to"):
            path = self._temporary()
            path.touch(mode=0o600)
            path.unlink()

    def check_room(self) -> None:
        """See :class:`~tracefoundry.payloads.objects.ObjectStore`."""
        with self._errors("write to"):
            if is_full(self.root):
                raise OSError(errno.ENOSPC, "full")

    def close(self) -> None:
        """Nothing to release."""

    def clean_leftovers(self, now_s: float) -> int:
        """Remove files that a crash left half written, at most 1,000; returns how many."""
        removed = 0
        with self._errors("clean"), os.scandir(self._incoming) as entries:
            for entry in entries:
                if removed >= _MAX_LEFTOVERS_A_RUN:
                    break
                with contextlib.suppress(FileNotFoundError):
                    if now_s - entry.stat(follow_symlinks=False).st_mtime > _LEFTOVER_AGE_S:
                        Path(entry.path).unlink()
                        removed += 1
        return removed

    def _path(self, name: str) -> Path:
        return self.root.joinpath(*check_name(name))

    def _temporary(self) -> Path:
        return self._incoming / f"{os.getpid()}-{secrets.token_hex(8)}"

    def _write(self, path: Path, data: bytes) -> None:
        temporary = self._temporary()
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123  a descriptor, no path
                view = memoryview(data)
                while view:
                    view = view[file.write(view) :]
                os.fsync(file.fileno())
            self._rename(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise

    def _rename(self, temporary: Path, path: Path) -> None:
        for _ in range(_FOLDER_ATTEMPTS - 1):
            try:
                temporary.replace(path)
            except FileNotFoundError:
                # It is the first object of its day, or retention has just removed the empty folder.
                self._make_folder(path.parent)
            else:
                return
        temporary.replace(path)

    def _make_folder(self, folder: Path) -> None:
        """Create the day's folder and flush every folder that has a new entry."""
        for level in (folder.parent, folder):
            # FileExistsError: the folder existed for mkdir and was gone when pathlib checked it.
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                level.mkdir(mode=0o700, exist_ok=True)
                _flush_folder(level.parent)

    def _list(self, prefix: str) -> Iterator[StoredObject]:
        with self._errors("list"):
            # Fails if the root is not readable; else a disk that is not mounted would look empty.
            days = self._days(prefix)
        for day in days:
            with self._errors("list"):
                paths = _entries(day)
            for path in paths:
                name = path.relative_to(self.root).as_posix()
                if not is_name(name):
                    continue
                with self._errors("list"), contextlib.suppress(FileNotFoundError):
                    status = path.stat()
                    yield StoredObject(name, status.st_size, status.st_mtime_ns)

    def _days(self, prefix: str) -> Sequence[Path]:
        self._incoming.stat()
        project, _, day = prefix.rstrip("/").partition("/")
        projects = [self.root / project] if project else _entries(self.root)
        if day:
            return [self.root / project / day]
        return [path for folder in projects for path in _entries(folder)]

    @contextlib.contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            remedy = _REMEDIES.get(error.errno or 0, os.strerror(error.errno or 0))
            raise ObjectStoreUnavailable(
                f"cannot {action} the payload folder {self.root}: {remedy}",
                public=f"the payload store cannot be used: {remedy}",
            ) from error


def _close_to_others(folder: Path) -> None:
    """Take the permissions of others off a folder of ours; an older version left them."""
    status = folder.stat()
    if hasattr(os, "geteuid") and status.st_uid == os.geteuid() and status.st_mode & 0o077:
        folder.chmod(stat.S_IMODE(status.st_mode) & 0o700)


def _entries(folder: Path) -> Sequence[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == size_bytes


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    # Windows cannot open folders; its file system journals a rename.
    if os.name == "posix":
        _flush(folder)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError as error:
        # A writer has put an object there, or another process has removed the folder.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR):
            raise

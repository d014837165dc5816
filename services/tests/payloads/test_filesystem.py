"""What only the filesystem store does: durability, leftovers, and failures of the disk."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tracefoundry.payloads.errors import ObjectStoreUnavailable
from tracefoundry.payloads.filesystem import FilesystemStore

DATA = b"content"
NAME = f"default/2026-11-21/{hashlib.sha256(DATA).hexdigest()}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "payloads"


@pytest.fixture
def folder_store(root: Path) -> FilesystemStore:
    """An empty store."""
    return FilesystemStore(root)


def test_files_are_named_by_project_day_and_hash(folder_store: FilesystemStore, root: Path) -> None:
    """``<project>/<yyyy-mm-dd>/<sha256>`` below the folder."""
    folder_store.put(NAME, DATA)
    assert DATA == (root / NAME).read_bytes()


def test_content_is_readable_by_its_owner_only(folder_store: FilesystemStore, root: Path) -> None:
    """Folders and files are closed to others."""
    folder_store.put(NAME, DATA)
    modes = [path.stat().st_mode & 0o777 for path in [root / NAME, *(root / NAME).parents[:2]]]
    assert [0o600, 0o700, 0o700] == modes


def test_everything_is_flushed_before_put_returns(
    folder_store: FilesystemStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file before its rename, then every folder that got an entry."""
    flushed: list[str] = []
    fsync = os.fsync

    def recording(descriptor: int) -> None:
        path = Path(f"/dev/fd/{descriptor}").resolve()
        flushed.append("file" if path.parent.name == ".incoming" else str(path.relative_to(root)))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recording)
    folder_store.put(NAME, DATA)
    assert ["file", ".", "default", "default/2026-11-21"] == flushed


def test_an_object_that_is_there_is_flushed_again(
    folder_store: FilesystemStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer may not have come to that yet; success must mean durable."""
    folder_store.put(NAME, DATA)
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    folder_store.put(NAME, DATA)
    assert 2 == len(flushed)


def test_a_file_cut_by_a_crash_of_the_disk_is_written_again(
    folder_store: FilesystemStore, root: Path
) -> None:
    """An object of another size is not taken for the object."""
    folder_store.put(NAME, DATA)
    (root / NAME).write_bytes(DATA[:3])
    folder_store.put(NAME, DATA)
    assert DATA == folder_store.get(NAME)


def test_a_writer_that_is_killed_leaves_no_object(root: Path) -> None:
    """Killed before the rename, the object is not there, and a new store works."""
    program = (
        "import os, sys; from pathlib import Path;"
        "from tracefoundry.payloads.filesystem import FilesystemStore;"
        "store = FilesystemStore(Path(sys.argv[1]));"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), 9);"
        "store.put(sys.argv[2], b'content')"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(root), NAME], check=False)
    left = FilesystemStore(root)
    assert (-9, [], 1) == (ended.returncode, list(left.list()), len([*root.glob(".incoming/*")]))


def test_old_leftovers_are_removed_and_young_ones_kept(
    folder_store: FilesystemStore, root: Path
) -> None:
    """A file that another process writes now is not taken away."""
    old, young = root / ".incoming/old", root / ".incoming/young"
    for path in (old, young):
        path.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    FilesystemStore(root)
    assert (False, True) == (old.exists(), young.exists())


def test_cleaning_is_bounded(folder_store: FilesystemStore, root: Path) -> None:
    """A start is not held up by any number of leftovers."""
    for i in range(1003):
        (root / f".incoming/{i}").touch()
    later = time.time() + 7200
    assert [1000, 3] == [folder_store.clean_leftovers(later) for _ in range(2)]


def test_writers_and_retention_of_the_same_day_meet_without_errors(
    folder_store: FilesystemStore,
) -> None:
    """A folder that disappears under a writer is made again."""

    def write(i: int) -> None:
        data = b"%d" % i
        folder_store.put(f"default/2026-11-21/{hashlib.sha256(data).hexdigest()}", data)

    with ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(write, i) for i in range(200)]
        removed = sum(folder_store.delete_prefix("default/2026-11-21/") for _ in range(100))
        for done in writes:
            done.result()
    assert 200 == removed + len(list(folder_store.list()))


def test_empty_folders_go_with_their_last_object(folder_store: FilesystemStore, root: Path) -> None:
    """Retention leaves no trace of a day."""
    folder_store.put(NAME, DATA)
    folder_store.delete_prefix("default/2026-11-21/")
    assert [root / ".incoming"] == list(root.iterdir())


def test_foreign_files_are_neither_listed_nor_deleted(
    folder_store: FilesystemStore, root: Path
) -> None:
    """What is no object is somebody else's."""
    folder_store.put(NAME, DATA)
    foreign = [root / "README", root / "default/notes", root / "default/2026-11-21/.nfs1"]
    for path in foreign:
        path.touch()
    listed = [found.name for found in folder_store.list()]
    folder_store.delete_prefix("default/")
    assert ([NAME], [True] * 3) == (listed, [path.exists() for path in foreign])


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "permission is denied"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_trouble_of_the_disk_is_temporary_and_says_what_to_do(
    folder_store: FilesystemStore,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    remedy: str,
) -> None:
    """The sender keeps its data; nothing is left half written."""

    def failing(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(ObjectStoreUnavailable, match=remedy):
        folder_store.put(NAME, DATA)
    assert ([], []) == (list(folder_store.list()), [*root.glob(".incoming/*")])


def test_a_folder_that_went_away_is_not_taken_for_lost_payloads(
    folder_store: FilesystemStore, root: Path
) -> None:
    """After an unmount every call is a temporary failure."""
    root.rename(root.with_name("elsewhere"))
    for act in (
        lambda: folder_store.get(NAME),
        lambda: folder_store.put(NAME, DATA),
        lambda: list(folder_store.list()),
        lambda: folder_store.delete_prefix("default/"),
        folder_store.check,
    ):
        with pytest.raises(ObjectStoreUnavailable, match="the folder is gone"):
            act()


def test_a_file_in_place_of_the_folder_is_an_error_at_start(root: Path) -> None:
    """The message names the folder."""
    root.touch()
    with pytest.raises(ObjectStoreUnavailable, match="cannot open the payload folder"):
        FilesystemStore(root)

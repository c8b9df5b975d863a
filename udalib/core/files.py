"""Atomic writes (a reader, or a run resumed after a kill, never sees half a file), reading a JSON object, locks."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from udalib.core.errors import ConfigError, UdalibError


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is synced and renamed to ``path``.

    On an error the temporary file is removed and an earlier ``path`` stays as it was. A full or read-only
    disk raises :class:`UdalibError` naming the target.
    """
    target = Path(path)
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Not mkstemp: its files are for their owner alone, while run folders are read by colleagues.
        temporary = target.parent / f".{target.name}.{secrets.token_hex(6)}.tmp"
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode
        yield temporary
        temporary.chmod(mode)  # safetensors writes files that are for their owner alone, too
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise UdalibError(
            f"could not write {target}: {error.strerror or error}. Free disk space or choose a folder you may "
            "write to, then repeat the command; nothing that was there before is lost."
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``; on success it takes the place of ``path``, else it is removed."""
    target = Path(path)
    temporary = target.parent / f".{target.name}.{secrets.token_hex(6)}.tmp"
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(temporary, target)
    except OSError as error:
        raise UdalibError(
            f"could not write {target}: {error.strerror or error}. Free disk space or choose a folder you may "
            "write to, then repeat the command."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Atomically write ``text`` as UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Atomically write ``value`` as indented JSON with a final newline."""
    write_text(path, json.dumps(value, indent=2, sort_keys=False) + "\n")


def read_json(
    path: str | os.PathLike[str], what: str, remedy: str, error: type[UdalibError] = UdalibError
) -> dict[str, Any]:
    """Return the object in a JSON file.

    Args:
        path: of the file.
        what: the file should hold, with its article, for the message.
        remedy: what mends it, a sentence for the message.
        error: class of the exception.

    Raises:
        UdalibError: (or ``error``) the file cannot be read, or holds something other than an object.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as reason:
        raise error(f"{path} cannot be read as {what} ({reason}). {remedy}") from reason
    if not isinstance(value, dict):
        raise error(f"{path} is not {what}: a JSON {type(value).__name__}, expected an object. {remedy}")
    return value


def take_lock(path: str | os.PathLike[str], taken: str) -> Any:
    """Open and lock ``path`` for this process; the lock goes with the returned file, and with a process that dies.

    Raises:
        ConfigError: another process holds it; its message is ``taken``.
        OSError: the file cannot be opened.
    """
    file = Path(path).open("a")  # noqa: SIM115  # open as long as the lock is held
    try:
        import fcntl
    except ImportError:  # Windows: no lock
        return file
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN):  # a file system without locks
            return file
        file.close()
        raise ConfigError(taken) from error
    return file

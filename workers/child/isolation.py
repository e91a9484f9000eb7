"""What `--isolation strict` takes from a trial: the network, files outside of its directory, signals to others.

Through the kernel's own means for processes without privileges, which what the trial starts inherits and nobody gets
rid of: a network namespace without a way out (not even to this machine), and Landlock. What files say can still be
read, and the kernel is shared: hostile code belongs into a machine of its own.
"""

import ctypes
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Final

_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls, of equal numbers on every architecture
_ASK_VERSION: Final = 1
_BENEATH: Final = 1
_SCOPES: Final = 0b11
"""From version 6: abstract sockets and signals of processes outside."""
_WRITE: Final = 1 << 1
_TRUNCATE: Final = 1 << 14  # from version 3
_REMOVE_AND_MAKE: Final = sum(1 << bit for bit in range(4, 13))
_MOVE: Final = 1 << 13  # from version 2
_OF_FILES: Final = _WRITE | _TRUNCATE
_DEVICES: Final = ("null", "zero", "full", "random", "urandom", "tty")
_OF_GPUS: Final = ("nvidia*", "nvidia-caps/*", "kfd", "dri/*")


class NotIsolated(Exception):
    """This system cannot keep a trial apart; the message says what is missing."""


def isolate(own: Path) -> None:
    """From now on this process and all below it reach no network, and write below `own` and in shared memory only.

    Raises:
        NotIsolated: the system does not let us.
    """
    try:
        _leave_network()
        _keep_to(own)
    except OSError as error:
        raise NotIsolated(f"{error.strerror}: {error.filename}") from None


def check_isolation() -> None:
    """Tries it, in a process that ends at once.

    A new one, not a fork: a library loaded here may start a thread in every fork, and only a process of one thread
    can leave its network.

    Raises:
        NotIsolated: a trial could not be kept apart here.
    """
    command = [sys.executable, "-m", "workers.child.isolation"]
    tried = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if tried.returncode:
        raise NotIsolated(tried.stderr.strip())


def _try() -> None:
    try:
        isolate(Path("/"))
    except NotIsolated as error:
        sys.exit(str(error))


def _leave_network() -> None:
    user, group = os.getuid(), os.getgid()
    _call(_libc().unshare(_CLONE_NEWUSER | _CLONE_NEWNET), "namespaces of users and networks")
    # Without a map the process could not make files: they would be nobody's.
    for file, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        Path(f"/proc/self/{file}").write_text(text, "ascii")


def _keep_to(own: Path) -> None:
    libc = _libc()
    version = libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    _call(min(version, 0), "Landlock")
    rights = _WRITE | _REMOVE_AND_MAKE | (_MOVE if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    wanted = struct.pack("QQQ", rights, 0, _SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = _call(libc.syscall(_CREATE_RULESET, wanted, size, 0), "Landlock")
    _allow(rules, own, rights)
    _allow(rules, Path("/dev/shm"), rights)  # noqa: S108  # where processes of one training share tensors
    devices = [Path("/dev") / name for name in _DEVICES]
    for device in (*devices, *(found for pattern in _OF_GPUS for found in Path("/dev").glob(pattern))):
        _allow(rules, device, rights & _OF_FILES)
    _call(libc.syscall(_RESTRICT_SELF, rules, 0), "Landlock")
    os.close(rules)


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rule = struct.pack("=Qi", rights, place)
        _call(_libc().syscall(_ADD_RULE, rules, _BENEATH, rule, 0), f"Landlock at {path}")
    finally:
        os.close(place)


def _libc() -> ctypes.CDLL:
    if sys.platform != "linux":
        raise NotIsolated("it needs Linux")
    return ctypes.CDLL(None, use_errno=True)


def _call(answer: int, what: str) -> int:
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)
    return answer


if __name__ == "__main__":
    _try()

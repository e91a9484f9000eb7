"""Which file system a file is on: SQLite's log needs memory and locks that a network does not share."""

import os
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mountinfo")
_OVER_A_NETWORK: Final = {
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "gpfs", "beegfs",
    "ocfs2", "gfs2", "orangefs", "pvfs2",
}  # fmt: skip
_BY_FUSE: Final = {"fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse"}


def network_file_system(path: Path, mounts: Path | None = None) -> str | None:
    """The kind of network file system that a path is on, or would be; None: on none, or the system does not tell."""
    try:
        lines = (mounts or MOUNTS).read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    place, found = os.path.realpath(path), ("", "")
    for line in lines:  # "36 35 98:0 /root /mount/point options … - kind source options", see proc(5)
        before, _, after = line.partition(" - ")
        mount, kind = _unescaped(before.split()[4]), after.split()[0]
        is_above = place == mount or place.startswith(mount.rstrip("/") + "/")
        if is_above and len(mount) >= len(found[0]):  # the last one of the same place is on top
            found = mount, kind
    return found[1] if found[1] in _OVER_A_NETWORK | _BY_FUSE else None


def _unescaped(mount: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        mount = mount.replace(code, character)
    return mount

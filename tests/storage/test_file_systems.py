"""Where SQLite may not be."""

from pathlib import Path

import pytest

from app.__main__ import main
from app.storage import file_systems
from app.storage.file_systems import network_file_system

MOUNTS = r"""
24 1 254:0 / / rw,relatime - ext4 /dev/vda rw
25 24 0:22 / /proc rw,nosuid - proc proc rw
40 24 0:35 / /home rw,relatime shared:1 - nfs4 server:/home rw,vers=4.2
41 40 8:1 / /home/me/local\040disk rw - xfs /dev/sda1 rw
42 24 0:50 / /mnt/share rw - cifs //server/share rw
43 24 0:51 / /mnt/ssh rw - fuse.sshfs me@host: rw
44 24 8:2 / /data rw - nfs server:/data rw
45 24 8:2 / /data rw - ext4 /dev/sdb rw
""".lstrip()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/studyhall.db", None),
        ("/home/me/.studyhall/studyhall.db", "nfs4"),
        ("/home", "nfs4"),
        ("/homework/studyhall.db", None),
        ("/home/me/local disk/studyhall.db", None),
        ("/mnt/share/x/studyhall.db", "cifs"),
        ("/mnt/ssh/studyhall.db", "fuse.sshfs"),
        ("/data/studyhall.db", None),
    ],
)
def test_the_mount_nearest_above_a_file_tells_its_file_system(tmp_path: Path, path: str, kind: str | None) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)

    assert network_file_system(Path(path), tmp_path / "mounts") == kind


def test_a_system_that_does_not_tell_its_mounts_is_believed(tmp_path: Path) -> None:
    assert network_file_system(tmp_path, tmp_path / "nothing") is None


@pytest.mark.catalogue("CF-009")
@pytest.mark.parametrize("command", ["serve", "migrate", "admin-key"])
def test_sqlite_on_a_network_file_system_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"40 24 0:35 / {tmp_path.resolve()} rw - nfs4 server:/home rw")
    monkeypatch.setattr(file_systems, "MOUNTS", mounts)
    monkeypatch.setenv("STUDYHALL_DATABASE_URL", f"sqlite:///{tmp_path}/studyhall.db")

    code = main([command])

    told = capsys.readouterr().err
    assert (code, told.count("\n")) == (2, 1)
    assert "nfs4" in told
    assert list(tmp_path.iterdir()) == [mounts]

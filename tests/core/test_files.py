"""Writing files: whole or not at all."""

import os
import stat

import pytest

from rlcodec import OutputError
from rlcodec.core.files import write_atomically, write_bytes

OLD, NEW = b"what was there", b"what comes now"


def fail_with(error: BaseException):
    def write(file):
        file.write(NEW)
        raise error

    return write


def test_a_file_is_written(tmp_path):
    write_bytes(tmp_path / "out", NEW)
    write_bytes(str(tmp_path / "text path"), b"")
    assert (tmp_path / "out").read_bytes() == NEW
    assert (tmp_path / "text path").read_bytes() == b""
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "text path"]


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(OLD)
    write_bytes(path, NEW)
    assert path.read_bytes() == NEW
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_is_there_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(OLD)

    def write(file):
        file.write(NEW)
        assert path.read_bytes() == OLD

    write_atomically(path, write)
    assert path.read_bytes() == NEW


def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "out", NEW)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o640


@pytest.mark.parametrize("old", [OLD, None], ids=["a file", "no file"])
def test_a_full_disk_leaves_what_was_there(tmp_path, old):
    path = tmp_path / "out"
    if old is not None:
        path.write_bytes(old)
    with pytest.raises(OutputError, match=r"out: cannot be written \(No space left on device\)"):
        write_atomically(path, fail_with(OSError(28, "No space left on device")))
    assert [p.read_bytes() for p in tmp_path.iterdir()] == ([] if old is None else [old])


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt()], ids=repr)
def test_any_other_failure_leaves_what_was_there_too(tmp_path, error):
    path = tmp_path / "out"
    path.write_bytes(OLD)
    with pytest.raises(type(error)):
        write_atomically(path, fail_with(error))
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [OLD]


def test_a_missing_folder(tmp_path):
    with pytest.raises(OutputError, match=r"out: cannot be written \(No such file or directory\)"):
        write_bytes(tmp_path / "nowhere" / "out", NEW)
    assert list(tmp_path.iterdir()) == []


def test_a_file_for_a_folder(tmp_path):
    (tmp_path / "file").write_bytes(OLD)
    with pytest.raises(OutputError, match="cannot be written"):
        write_bytes(tmp_path / "file" / "out", NEW)
    assert (tmp_path / "file").read_bytes() == OLD


def test_a_folder_for_a_file(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_bytes(tmp_path / "out", NEW)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match=r"out: cannot be written \(Permission denied\)"):
            write_bytes(tmp_path / "out", NEW)
    finally:
        tmp_path.chmod(0o700)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        write_bytes(tmp_path / ("x" * 300), NEW)
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_right_after_the_file_was_renamed(tmp_path, monkeypatch):
    def interrupted(source, target, replace=os.replace):
        replace(source, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "out", NEW)
    assert (tmp_path / "out").read_bytes() == NEW
    assert [path.name for path in tmp_path.iterdir()] == ["out"]

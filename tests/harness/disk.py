"""Disks that break: a small file system, and a library preloaded into a node."""

import os
import pathlib
import subprocess

from harness.cluster import ROOT

MIB = 1 << 20


def may_mount():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], check=False,
                                                stderr=subprocess.DEVNULL).returncode == 0


class SmallDisk:
    """A tmpfs of `size_mib` over `folder`."""

    def __init__(self, folder, size_mib):
        self._folder = pathlib.Path(folder)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", folder], check=True)

    def fill(self, leave_mib):
        """Takes all space but so much."""
        state = os.statvfs(self._folder)
        size = state.f_bavail * state.f_frsize - leave_mib * MIB
        with (self._folder / "ballast").open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, size)

    def empty(self):
        (self._folder / "ballast").unlink()

    def unmount(self):
        subprocess.run(["umount", "-l", self._folder], check=True)


class ShimmedDisk:
    """What tests/disk_shim does to one node's files. Make it before the node starts."""

    def __init__(self, node):
        library = pathlib.Path(os.environ.get("KINDRED_DISK_SHIM")
                               or ROOT / "build" / "release" / "kindred_disk_shim.so")
        self._node = node
        self._control = node.folder / "disk-control"
        self._journal = node.folder / "disk-journal"
        node.command[:0] = ["env", f"LD_PRELOAD={library}", f"KINDRED_SHIM_DIR={node.data}",
                            f"KINDRED_SHIM_CONTROL={self._control}",
                            f"KINDRED_SHIM_JOURNAL={self._journal}"]

    def turn(self, state):
        """full, read-only, failing or sound."""
        aside = self._control.with_suffix(".new")
        aside.write_text(state)
        aside.rename(self._control)

    def lose_unsynced(self):
        """As a loss of power would: takes from the files of a killed node what was never synced.
        Returns how many bytes that were."""
        synced = {}
        for line in self._journal.read_text().splitlines():
            what, *words = line.split(" ")
            if what == "made":
                synced.setdefault(words[0], 0)
            elif what == "synced":
                synced[words[1]] = int(words[0])
            else:
                synced[words[1]] = synced.pop(words[0], 0)
        lost = 0
        for path, size in synced.items():
            beyond = os.path.getsize(path) - size if os.path.exists(path) else 0
            if beyond > 0:
                os.truncate(path, size)
                lost += beyond
        self._journal.unlink()
        return lost

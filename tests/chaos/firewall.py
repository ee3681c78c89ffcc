"""Cuts between loopback addresses, with a packet filter table of our own (nftables; needs root)."""

import shutil
import subprocess


class Firewall:
    """Drops TCP segments between given addresses, one way or both. A context manager."""

    def __init__(self, name):
        self._table = f"inet {name}"

    def __enter__(self):
        if shutil.which("nft") is None:
            raise SystemExit("cuts need nft; install Debian's package nftables")
        self._run(f"add table {self._table}")
        self._run(f"add chain {self._table} cut "
                  "{ type filter hook output priority 0; policy accept; }")
        return self

    def __exit__(self, *_):
        self._run(f"delete table {self._table}")

    def drop(self, sender, receiver):
        """Nothing goes from one address to the other any more; the way back stays open."""
        self._run(f"add rule {self._table} cut ip saddr {sender} ip daddr {receiver} drop")

    def heal(self):
        self._run(f"flush chain {self._table} cut")

    @staticmethod
    def _run(command):
        done = subprocess.run(["nft", command], text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"nft {command}: {done.stderr.strip()}")

"""The servers that are compared, each set in a fresh folder and on free ports."""

import dataclasses
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from harness.cluster import Cluster, redis_cli  # noqa: E402
from harness.process import Process, free_port  # noqa: E402
from harness.wait import wait_until  # noqa: E402

READY_TIMEOUT_S = 60


class RedisServers:
    """One redis-server, and replicas of it; nothing is written to disk."""

    def __init__(self, replicas, prefix=()):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="kindred-bench-"))
        ports = [free_port() for _ in range(1 + replicas)]
        self.ports = ports[:1]
        self.nodes = [self._process(number, port, prefix) for number, port in enumerate(ports)]

    def _process(self, number, port, prefix):
        folder = self._folder / f"redis-{number}"
        command = [*prefix, "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
                   "--appendonly", "no", "--dir", folder]
        if number > 0:
            command += ["--replicaof", "127.0.0.1", self.ports[0]]
        return Process(f"redis-{number}", command, folder)

    def start(self):
        for node in self.nodes:
            node.start()
            node.wait_for_log("Ready to accept connections", READY_TIMEOUT_S)
        wait_until(self._replicas_online, READY_TIMEOUT_S, "the replicas follow")

    def _replicas_online(self):
        info = redis_cli(self.ports[0], "INFO", "replication")
        return info.count("state=online") == len(self.nodes) - 1

    def stop(self):
        return [node.stop() for node in self.nodes]

    def destroy(self):
        for node in self.nodes:
            node.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


@dataclasses.dataclass(frozen=True)
class Client:
    """How the load reaches a set of servers."""

    name: str
    coordinators: int = 1
    wait_replicas: int = 0
    wait_each: bool = False


@dataclasses.dataclass(frozen=True)
class Subject:
    """A set of servers under comparison, and the clients it is measured with."""

    name: str
    clients: tuple
    replicas: int = 0  # redis's
    nodes: int = 0  # Kindred's; 0: this is redis
    directives: tuple = ()

    def servers(self, prefix=(), directives=None):
        """The set, not yet started. `prefix`: a command that runs each server."""
        if self.nodes == 0:
            return RedisServers(self.replicas, prefix)
        chosen = {**dict(self.directives), **(directives or {})}
        return Cluster(self.nodes, chosen, prefix, READY_TIMEOUT_S)


ONE = Client("one coordinator")
SPREAD = Client("three coordinators", coordinators=3)
PLAIN = Client("plain")
WAIT = Client("WAIT 1 each write", wait_replicas=1, wait_each=True)
WAIT_BATCH = Client("WAIT 1 each batch", wait_replicas=1)


def engine(name, durability):
    """One worker a node: redis has one thread, and three nodes share two cores. More workers than
    free cores cost hops and switches (compare-default-workers.json)."""
    return (("storage-engine", name), ("durability", durability), ("workers", "1"))


REDIS = Subject("redis", (PLAIN,))
SUBJECTS = (
    REDIS,
    Subject("redis + 2 replicas", (PLAIN, WAIT, WAIT_BATCH), replicas=2),
    Subject("kindred 1 memory", (PLAIN,), nodes=1, directives=engine("memory", "none")),
    Subject("kindred 1 rocksdb async", (PLAIN,), nodes=1, directives=engine("rocksdb", "async")),
    Subject("kindred 1 rocksdb group", (PLAIN,), nodes=1, directives=engine("rocksdb", "group")),
    Subject("kindred 3 memory", (ONE, SPREAD), nodes=3, directives=engine("memory", "none")),
    Subject("kindred 3 rocksdb async", (ONE, SPREAD), nodes=3,
            directives=engine("rocksdb", "async")),
    Subject("kindred 3 rocksdb group", (ONE, SPREAD), nodes=3,
            directives=engine("rocksdb", "group")),
)
QUICK = ("redis", "redis + 2 replicas", "kindred 1 memory", "kindred 3 memory")


def commit():
    """The commit that is measured, with a plus sign when the tree differs from it."""
    done = subprocess.run(["git", "describe", "--always", "--dirty=+"], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.strip() or "unknown"

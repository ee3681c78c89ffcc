"""Kindred nodes on loopback."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from harness.process import Process, free_port
from harness.wait import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY = "Ready to accept connections"
READY_TIMEOUT_S = 30


def server_program():
    return os.environ.get("KINDRED_SERVER") or str(ROOT / "build" / "release" / "kindred-server")


def redis_cli(port, *arguments, stdin=None, timeout_s=60):
    """The output of redis-cli, without its last line break."""
    done = subprocess.run(["redis-cli", "-p", str(port), *map(str, arguments)], input=stdin,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=timeout_s)
    return done.stdout.rstrip("\n")


class Node(Process):
    """One Kindred server with a directory, ports and seeds that stay the same over restarts."""

    def __init__(self, name, folder, port, peer_port, seeds, directives, prefix=()):
        self.port = port
        self.peer_port = peer_port
        self.data = pathlib.Path(folder) / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        command = [*prefix, server_program(), "--port", port, "--peer-port", peer_port,
                   "--dir", self.data, "--node-name", name]
        for seed in seeds:
            command += ["--seed", f"127.0.0.1:{seed}"]
        for directive, value in directives.items():
            command += ["--" + directive, *(value if isinstance(value, tuple) else (value,))]
        super().__init__(name, command, folder)

    def wait_ready(self, timeout_s=READY_TIMEOUT_S):
        self.wait_for_log(READY, timeout_s)


class Cluster:
    """`size` nodes that name each other as seeds. A context manager: leaves nothing behind.

    directives: names as in a configuration file, such as {"storage-engine": "memory"}; a tuple where
    one takes several words.
    prefix: a command that runs the server, such as valgrind and its options.
    """

    def __init__(self, size, directives=None, prefix=(), ready_timeout_s=READY_TIMEOUT_S):
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="kindred-"))
        self._ready_timeout_s = ready_timeout_s
        self._directives = directives or {}
        self._prefix = prefix
        ports = [(free_port(), free_port()) for _ in range(size)]
        seeds = [peer for _, peer in ports] if size > 1 else []
        self.nodes = [self._make_node(number, port, peer, seeds, {})
                      for number, (port, peer) in enumerate(ports, 1)]

    def _make_node(self, number, port, peer_port, seeds, directives):
        name = f"node-{number}"
        return Node(name, self._folder / name, port, peer_port, seeds,
                    {**self._directives, **directives}, self._prefix)

    def add_node(self, directives=None):
        """One more node, not started yet, that finds the cluster through the first one."""
        node = self._make_node(len(self.nodes) + 1, free_port(), free_port(),
                               [self.nodes[0].peer_port], directives or {})
        self.nodes.append(node)
        return node

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.destroy()

    @property
    def ports(self):
        return [node.port for node in self.nodes]

    def start(self):
        """Starts the nodes that don't run, and waits until all are ready and see each other."""
        for node in self.nodes:
            if not node.alive():
                node.start()
        for node in self.nodes:
            node.wait_ready(self._ready_timeout_s)
        self.settle()

    def settle(self):
        """Waits until each node sees every other up: then all give the same answers on the ring."""
        wait_until(self._all_see_all, self._ready_timeout_s, "every node sees every other")

    def _all_see_all(self):
        seen = f"members_up:{len(self.nodes)}"
        return all(seen in redis_cli(node.port, "INFO", "kindred").splitlines()
                   for node in self.nodes)

    def kill(self):
        for node in self.nodes:
            node.kill()

    def stop(self):
        """Stops all nodes in order; returns their exit codes."""
        return [node.stop() for node in self.nodes]

    def destroy(self):
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

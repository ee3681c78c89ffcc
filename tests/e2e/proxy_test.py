"""twemproxy and haproxy in front of three nodes, with the configuration files of conf/."""

import pathlib
import re
import tempfile
import threading
import time
import unittest

import redis
from harness.cluster import ROOT, Cluster, redis_cli
from harness.process import Process, free_port
from harness.wait import wait_until
from redis_tools_test import PATIENT, benchmark

CLIENTS = 6  # some of them at the node that dies
WRITES_BEFORE = 100
WATCHED_S = 4
WINDOW_MAX_MS = 3000  # measured: docs/proxies.md
LOAD = ("-t", "get,set,mset", "-P", "4")  # answered well within the proxy's own timeout


def answers(client):
    try:
        return client.get("nothing") is None
    except redis.RedisError:
        return False


class Load(threading.Thread):
    """Writes through one client without a pause until stopped. A write that fails isn't repeated."""

    def __init__(self, client):
        super().__init__()
        self._client = client
        self.stopped = False
        self.written = 0
        self.failed_at = []

    def run(self):
        while not self.stopped:
            try:
                # Names that differ in their last digit alone all hash to one node at twemproxy.
                self._client.set(f"{self.written % 100}-probe", self.written)
                self.written += 1
            except redis.RedisError:
                self.failed_at.append(time.monotonic())


def error_window(clients, kill):
    """What fails when kill() ends a node under load: how many writes, and the milliseconds from the
    kill to the last of them."""
    loads = [Load(client) for client in clients]
    for load in loads:
        load.start()

    def write_more(number):
        goals = [load.written + number for load in loads]
        wait_until(lambda: all(load.written > goal for load, goal in zip(loads, goals)), 60,
                   "every client writes")

    try:
        write_more(WRITES_BEFORE)
        killed = time.monotonic()
        kill()
        wait_until(lambda: time.monotonic() > killed + WATCHED_S, 60, "the time is over")
        write_more(WRITES_BEFORE)
    finally:
        for load in loads:
            load.stopped = True
        for load in loads:
            load.join()
    failures = [moment for load in loads for moment in load.failed_at]
    return len(failures), (max(failures, default=killed) - killed) * 1000


class ProxyMixin:
    """What holds for any proxy; command(folder, nodes) runs it on self.port."""

    def setUp(self):
        self.cluster = Cluster(3, PATIENT)
        self.addCleanup(self.cluster.destroy)
        self.cluster.start()
        self.start_proxy(self.cluster.ports)

    def start_proxy(self, nodes):
        folder = tempfile.TemporaryDirectory(prefix="kindred-proxy-")
        self.addCleanup(folder.cleanup)
        self.port = free_port()
        proxy = Process("proxy", self.command(pathlib.Path(folder.name), nodes), folder.name)
        self.addCleanup(proxy.kill)
        proxy.start()
        self.clients = [redis.Redis(port=self.port, socket_timeout=10) for _ in range(CLIENTS)]
        for client in self.clients:
            self.addCleanup(client.close)
            wait_until(lambda: answers(client), 10, "the proxy answers")

    def configuration(self, name, port, nodes):
        """The file of conf/, for this proxy's port and these nodes."""
        text, replaced = re.subn(rf"127\.0\.0\.1:{port}\b", f"127.0.0.1:{self.port}",
                                 (ROOT / "conf" / name).read_text())
        self.assertEqual(replaced, 1)
        for number, node in enumerate(nodes, 1):
            text, replaced = re.subn(rf"127\.0\.0\.1:700{number}\b", f"127.0.0.1:{node}", text)
            self.assertEqual(replaced, 1)
        return text

    def test_serves_and_keeps_serving_when_a_node_is_killed(self):
        code, output = benchmark(self.port, *LOAD, requests=5000)
        self.assertEqual(code, 0, output)
        failures, window_ms = error_window(self.clients, self.cluster.nodes[1].kill)
        print(f"{type(self).__name__}: {failures} writes failed within {window_ms:.0f} ms",
              flush=True)
        self.assertLess(window_ms, WINDOW_MAX_MS)
        code, output = benchmark(self.port, *LOAD, requests=5000)
        self.assertEqual(code, 0, output)
        self.assertIsNotNone(self.clients[0].get("7-probe"))


class TwemproxyTest(ProxyMixin, unittest.TestCase):
    def command(self, folder, nodes):
        path = folder / "nutcracker.yml"
        path.write_text(self.configuration("nutcracker.yml", 22121, nodes))
        return ["nutcracker", "-c", path, "-o", folder / "proxy.log", "-p", folder / "pid",
                "-a", "127.0.0.1", "-s", free_port()]


class HaproxyTest(ProxyMixin, unittest.TestCase):
    def command(self, folder, nodes):
        path = folder / "haproxy.cfg"
        path.write_text(self.configuration("haproxy.cfg", 22122, nodes))
        return ["haproxy", "-db", "-f", path]

    def test_carries_our_own_commands(self):
        context, versions = self.clients[0].execute_command("DGET", "cart")
        self.assertEqual((context, versions), (b"", []))
        self.assertIn("role:master", redis_cli(self.port, "INFO", "replication"))

    def test_leaves_out_a_node_that_waits_for_its_cluster(self):
        waiting = self.cluster.add_node({"auto-join": "no"})
        waiting.start()
        wait_until(lambda: "loading:1" in redis_cli(waiting.port, "INFO", "persistence"), 10,
                   "the node that waits says so")
        self.start_proxy([waiting.port, waiting.port, self.cluster.ports[0]])
        self.assertEqual([answers(client) for client in self.clients], [True] * CLIENTS)

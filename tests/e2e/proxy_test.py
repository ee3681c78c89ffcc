"""twemproxy in front of three nodes."""

import pathlib
import re
import tempfile
import unittest

import redis
from harness.cluster import ROOT, Cluster
from harness.process import Process, free_port
from harness.wait import wait_until
from redis_tools_test import PATIENT, benchmark

SUCCESSES_IN_A_ROW = 200
LOAD = ("-t", "get,set,mset", "-P", "4")  # answered well within the proxy's own timeout


def answers(client):
    try:
        return client.get("nothing") is None
    except redis.RedisError:
        return False


class ProxyTest(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3, PATIENT)
        self.addCleanup(self.cluster.destroy)
        self.cluster.start()
        folder = tempfile.TemporaryDirectory(prefix="kindred-proxy-")
        self.addCleanup(folder.cleanup)
        self.port = free_port()
        proxy = Process("nutcracker", self.command(pathlib.Path(folder.name)), folder.name)
        self.addCleanup(proxy.kill)
        proxy.start()
        self.client = redis.Redis(port=self.port, socket_timeout=10)
        wait_until(lambda: answers(self.client), 10, "the proxy answers")

    def command(self, folder):
        """The proxy with the documented configuration, on this test's ports."""
        text = (ROOT / "conf" / "nutcracker.yml").read_text()
        text = text.replace("127.0.0.1:22121", f"127.0.0.1:{self.port}")
        for number, port in enumerate(self.cluster.ports, 1):
            text, replaced = re.subn(rf"127\.0\.0\.1:700{number}:1", f"127.0.0.1:{port}:1", text)
            self.assertEqual(replaced, 1)
        (folder / "nutcracker.yml").write_text(text)
        return ["nutcracker", "-c", folder / "nutcracker.yml", "-o", folder / "proxy.log",
                "-p", folder / "pid", "-a", "127.0.0.1", "-s", free_port()]

    def successes_in_a_row(self):
        try:
            for number in range(SUCCESSES_IN_A_ROW):
                self.client.set(f"probe-{number}", number)
        except redis.RedisError:
            return False
        return True

    def test_serves_and_keeps_serving_when_a_node_is_killed(self):
        code, output = benchmark(self.port, *LOAD)
        self.assertEqual(code, 0, output)
        self.cluster.nodes[1].kill()
        wait_until(self.successes_in_a_row, 20, "the proxy leaves the dead node out")
        code, output = benchmark(self.port, *LOAD)
        self.assertEqual(code, 0, output)
        self.assertEqual(self.client.get("probe-7"), b"7")

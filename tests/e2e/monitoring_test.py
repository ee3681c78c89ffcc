"""Prometheus, redis_exporter and systemd, with the files of conf/."""

import json
import os
import pathlib
import socket
import subprocess
import tempfile
import unittest
import urllib.request

import redis
from harness.cluster import ROOT, Cluster, server_program
from harness.process import Process, free_port
from harness.wait import wait_until

KEYS = 50
TIMEOUT_S = 60


def fetched(url):
    """The text at `url`, or nothing while nobody answers there."""
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return reply.read().decode()
    except OSError:
        return ""


class MonitoringTest(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3)
        self.addCleanup(self.cluster.destroy)
        self.cluster.start()
        redis.Redis(port=self.cluster.ports[0]).mset({f"key:{n}": "v" for n in range(KEYS)})
        folder = tempfile.TemporaryDirectory(prefix="kindred-monitoring-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.exporter = f"127.0.0.1:{free_port()}"
        self.start_program("prometheus-redis-exporter", "-redis.addr=",
                           f"-web.listen-address={self.exporter}")
        wait_until(lambda: fetched(f"http://{self.exporter}/health"), TIMEOUT_S,
                   "the exporter answers")

    def start_program(self, *command):
        process = Process(command[0], command, self.folder / command[0])
        self.addCleanup(process.kill)
        process.start()

    def test_exporter_reads_a_node(self):
        port = self.cluster.ports[0]
        text = fetched(f"http://{self.exporter}/scrape?target=redis://127.0.0.1:{port}")
        for line in ("redis_up 1", "redis_exporter_last_scrape_error{err=\"\"} 0",
                     f'redis_db_keys{{db="db0"}} {KEYS}', "redis_cluster_enabled 1"):
            self.assertIn(line + "\n", text)
        for name in ("redis_connected_clients", "redis_memory_used_bytes", "redis_uptime_in_seconds",
                     "redis_commands_processed_total", 'redis_commands_total{cmd="mset"}'):
            self.assertRegex(text, rf"(?m)^{name} \d", name)

    def test_prometheus_sees_which_nodes_are_up(self):
        listen = f"127.0.0.1:{free_port()}"
        text = (ROOT / "conf" / "prometheus.yml").read_text()
        text = text.replace("scrape_interval: 15s", "scrape_interval: 1s")
        for number, port in enumerate(self.cluster.ports, 1):
            self.assertIn(f"127.0.0.1:700{number}", text)
            text = text.replace(f"127.0.0.1:700{number}", f"127.0.0.1:{port}")
        path = self.folder / "prometheus.yml"
        path.write_text(text.replace("127.0.0.1:9121", self.exporter))
        self.start_program("prometheus", f"--config.file={path}", f"--web.listen-address={listen}",
                           f"--storage.tsdb.path={self.folder / 'series'}")

        def nodes_up():
            answer = fetched(f"http://{listen}/api/v1/query?query=redis_up")
            series = json.loads(answer)["data"]["result"] if answer else []
            return sorted(one["value"][1] for one in series)

        wait_until(lambda: nodes_up() == ["1", "1", "1"], TIMEOUT_S, "all three are seen up")
        self.cluster.nodes[1].kill()
        wait_until(lambda: nodes_up() == ["0", "1", "1"], TIMEOUT_S, "one is seen down")


class SystemdUnitTest(unittest.TestCase):
    def test_a_node_tells_its_manager_when_it_is_ready_and_when_it_stops(self):
        with tempfile.TemporaryDirectory(prefix="kindred-unit-") as folder:
            for name in (f"{folder}/notify", f"\0kindred-test-{os.getpid()}"):
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                    manager.bind(name)
                    manager.settimeout(TIMEOUT_S)
                    prefix = ["env", "NOTIFY_SOCKET=" + name.replace("\0", "@")]
                    with Cluster(1, prefix=prefix) as cluster:
                        self.assertEqual(manager.recv(100), b"READY=1")
                        self.assertEqual(cluster.nodes[0].stop(), 0)
                        self.assertEqual(manager.recv(100), b"STOPPING=1")

    def test_is_a_unit_that_systemd_takes(self):
        text = (ROOT / "conf" / "kindred.service").read_text()
        self.assertIn("/usr/local/bin/kindred-server", text)
        text = text.replace("/usr/local/bin/kindred-server", server_program())
        with tempfile.TemporaryDirectory(prefix="kindred-unit-") as folder:
            unit = pathlib.Path(folder) / "kindred.service"
            unit.write_text(text)
            done = subprocess.run(["systemd-analyze", "verify", unit], stdin=subprocess.DEVNULL,
                                  text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=TIMEOUT_S)
        # Other units of the machine may be complained about as well.
        self.assertEqual([line for line in done.stdout.splitlines() if "kindred" in line], [])
        self.assertEqual(done.returncode, 0, done.stdout)

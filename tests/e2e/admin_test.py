"""The admin pages: what they tell, when a node is ready, and what strangers can do to the port."""

import contextlib
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import unittest

import redis
from harness.cluster import ROOT, Cluster, redis_cli
from harness.memory import resident_bytes
from harness.process import Process, free_port
from harness.wait import wait_until

TIMEOUT_S = 60
SEED = 20260101
CONNECTIONS_MAX = 64
PAGES = ("/", "/metrics", "/healthz", "/readyz", "/ring")


def ask(port, method, path, headers=None, body=None):
    """(status, headers, body)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers or {}, body=body)
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()


def get(port, path):
    return ask(port, "GET", path)


def plain(port):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.settimeout(TIMEOUT_S)
    return connection


def answer_and_end(connection):
    """All that the other side says until it closes."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            said += chunk
    return said


def exchange(port, request):
    """What the node says to these bytes until it closes the connection."""
    with plain(port) as connection:
        connection.sendall(request)
        return answer_and_end(connection)


def status_of(said):
    return int(said.split(b" ", 2)[1])


def values(text):
    """{metric with its labels: value}."""
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in text.splitlines() if not line.startswith("#")}


class PagesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.admin_ports = [free_port() for _ in range(3)]
        cls.cluster = Cluster(1, {"workers": 2})
        cls.addClassCleanup(cls.cluster.destroy)
        for node, admin in zip([cls.cluster.nodes[0], cls.cluster.add_node(), cls.cluster.add_node()],
                               cls.admin_ports):
            node.command += ["--admin-port", str(admin)]
        cls.cluster.start()
        cls.admin = cls.admin_ports[0]
        cls.client = redis.Redis(port=cls.cluster.ports[0])
        for number in range(50):
            cls.client.set(f"key:{number}", "v")
            cls.client.get(f"key:{number}")

    def test_metrics_are_what_info_counts(self):
        status, headers, text = get(self.admin, "/metrics")
        self.assertEqual(status, 200)
        self.assertEqual(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_S)
        self.assertEqual((checked.returncode, checked.stdout), (0, ""))
        told = values(text)
        info = self.client.info()
        self.assertEqual(told["kindred_members_up"], 3)
        self.assertEqual(told["kindred_keys"], info["db0"]["keys"])
        self.assertEqual(told["kindred_ring_epoch"], info["ring_epoch"])
        self.assertGreaterEqual(told["kindred_coordinated_writes_total"], 1)
        self.assertEqual(told['kindred_command_calls_total{command="get"}'], 50)
        buckets = [value for name, value in told.items() if name.startswith(
            'kindred_command_duration_seconds_bucket{command="get",')]
        self.assertEqual(buckets, sorted(buckets))
        self.assertEqual(buckets[-1], 50)
        self.assertEqual(told['kindred_command_duration_seconds_count{command="get"}'], 50)
        self.assertGreater(told['kindred_command_duration_seconds_sum{command="set"}'], 0)

    def test_ring_is_ring_status(self):
        status, headers, text = get(self.admin, "/ring")
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json"))
        ring = json.loads(text)
        for word in ("epoch", "ring_hash", "partitions", "replicas", "write_quorum", "hints"):
            said = redis_cli(self.cluster.ports[0], "RING", "STATUS").splitlines()
            self.assertEqual(str(ring[word]), said[said.index(word) + 1], word)
        self.assertEqual(sorted((member["node"], member["state"]) for member in ring["members"]),
                         [(f"node-{number}", "up") for number in (1, 2, 3)])

    def test_head_is_get_without_a_body(self):
        for path in PAGES:
            status, headers, body = ask(self.admin, "HEAD", path)
            self.assertEqual((status, body), (200, ""), path)
            self.assertGreater(int(headers["Content-Length"]), 0, path)
        self.assertIn('href="/metrics"', get(self.admin, "/")[2])
        self.assertEqual(get(self.admin, "/healthz")[2], "ok\n")

    def test_a_connection_serves_many_requests_also_at_once(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=TIMEOUT_S)
        with contextlib.closing(connection):
            for path in PAGES * 3:
                connection.request("GET", path)
                response = connection.getresponse()
                self.assertEqual(response.status, 200)
                self.assertFalse(response.will_close)
                response.read()
        said = exchange(self.admin, b"GET /healthz HTTP/1.1\r\n\r\n" * 2000 +
                        b"GET /metrics HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")
        self.assertEqual(said.count(b"HTTP/1.1 200 OK\r\n"), 2002)
        self.assertTrue(said.endswith(b"\r\n\r\nok\n"))

    def test_refuses_what_it_does_not_serve(self):
        self.assertEqual(get(self.admin, "/nothing")[0], 404)
        status, headers, _ = ask(self.admin, "POST", "/metrics", body="x" * 100)
        self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"))
        self.assertEqual(ask(self.admin, "GET", "/", {"Content-Length": "5"}, "12345")[0], 413)
        self.assertEqual(ask(self.admin, "GET", "/", {"A": "a" * 9000})[0], 431)
        for request in (b"PING\r\n\r\n", b"*1\r\n$4\r\nPING\r\n", b"GET / HTTP/3\r\n\r\n",
                        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):
            self.assertEqual(status_of(exchange(self.admin, request)), 400, request)

    def test_prometheus_scrapes_it_by_conf(self):
        folder = tempfile.TemporaryDirectory(prefix="kindred-admin-")
        self.addCleanup(folder.cleanup)
        listen = f"127.0.0.1:{free_port()}"
        text = (ROOT / "conf" / "prometheus-admin.yml").read_text()
        text = text.replace("scrape_interval: 15s", "scrape_interval: 1s")
        for number, port in enumerate(self.admin_ports, 1):
            self.assertIn(f"- 127.0.0.1:970{number}", text)
            text = text.replace(f"- 127.0.0.1:970{number}", f"- 127.0.0.1:{port}")
        path = pathlib.Path(folder.name) / "prometheus.yml"
        path.write_text(text)
        prometheus = Process("prometheus", [
            "prometheus", f"--config.file={path}", f"--web.listen-address={listen}",
            f"--storage.tsdb.path={folder.name}/series"], folder.name)
        self.addCleanup(prometheus.kill)
        prometheus.start()

        def seen():
            with contextlib.suppress(OSError, ValueError):  # it may still start, and say so
                answer = get(int(listen.split(":")[1]), "/api/v1/query?query=kindred_members_up")[2]
                return [one["value"][1] for one in json.loads(answer)["data"]["result"]]
            return []

        wait_until(lambda: seen() == ["3"] * 3, TIMEOUT_S, "Prometheus has each node's count of members")


class ReadinessTest(unittest.TestCase):
    def readiness(self, port):
        with contextlib.suppress(ConnectionRefusedError):
            return get(port, "/readyz")[::2]
        return None

    def test_follows_the_node(self):
        admin = free_port()
        with Cluster(1) as cluster:
            node = cluster.add_node({"admin-port": admin, "auto-join": "no"})
            node.start()
            wait_until(lambda: self.readiness(admin) == (503, "in no cluster yet\n"), TIMEOUT_S,
                       "a node that waits to join is not ready")
            self.assertEqual(get(admin, "/healthz")[0], 200)
            self.assertEqual(get(admin, "/ring")[0], 503)
            self.assertEqual(get(admin, "/metrics")[0], 200)
            join = "RING", "JOIN", f"127.0.0.1:{cluster.nodes[0].peer_port}", "NOW"
            wait_until(lambda: redis_cli(node.port, *join).isdigit(), TIMEOUT_S,
                       "it has found the cluster, and joins")
            wait_until(lambda: self.readiness(admin) == (200, "ready\n"), TIMEOUT_S, "it is ready")
            self.assertEqual(redis_cli(node.port, "RING", "DRAIN"), "OK")
            self.assertEqual(self.readiness(admin), (503, "drained: other nodes coordinate\n"))
            self.assertEqual(get(admin, "/healthz")[0], 200)
            self.assertEqual(node.stop(), 0)


class StrangersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.admin = free_port()
        cls.cluster = Cluster(1, {"storage-engine": "memory", "admin-port": cls.admin})
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.start()

    def test_hostile_bytes_leave_it_as_it_was(self):
        draw = random.Random(SEED)
        head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        pid = self.cluster.nodes[0].pid
        get(self.admin, "/metrics")
        before = resident_bytes(pid)
        statuses = set()
        for _ in range(400):
            kind = draw.randrange(4)
            if kind == 0:
                request = draw.randbytes(draw.randrange(1, 20_000))
            elif kind == 1:
                request = bytearray(head)
                request[draw.randrange(len(head))] = draw.randrange(256)
            elif kind == 2:
                request = b"GET / HTTP/1.1\r\n" + draw.randbytes(50) + b"\r\n\r\n"
            else:
                request = b"GET " + b"/" * draw.randrange(1, 20_000) + b" HTTP/1.1\r\n\r\n"
            with plain(self.admin) as connection:
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                    connection.sendall(request)
                    connection.shutdown(socket.SHUT_WR)
                said = answer_and_end(connection)
                if said:
                    self.assertRegex(said, rb"\AHTTP/1\.1 \d{3} ")
                    statuses.add(status_of(said))
        self.assertTrue({200, 400, 404, 431} <= statuses, statuses)
        self.assertEqual(get(self.admin, "/metrics")[0], 200)
        self.assertLess(resident_bytes(pid) - before, 8 << 20)

    def test_two_hundred_connections_keep_nobody_out(self):
        with contextlib.ExitStack() as stack:
            silent = [stack.enter_context(plain(self.admin)) for _ in range(200)]
            for number, connection in enumerate(silent):
                if number % 2:
                    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                        connection.sendall(b"GET /met")
            for _ in range(100):
                self.assertEqual(get(self.admin, "/healthz")[0], 200)
            self.assertLessEqual(self.open_sockets(), CONNECTIONS_MAX)
            self.assertEqual(redis_cli(self.cluster.ports[0], "PING"), "PONG")
        wait_until(lambda: self.open_sockets() == 0, TIMEOUT_S, "they are all let go")

    def test_slow_bytes_end_in_time(self):
        with plain(self.admin) as connection:
            connection.settimeout(1)
            sent = 0
            said = None
            while said is None and sent < 30:  # a byte a second, without an end
                connection.sendall(b"G" if sent == 0 else b"E")
                sent += 1
                with contextlib.suppress(TimeoutError):
                    said = connection.recv(100)
            self.assertEqual(said, b"")
            self.assertLess(sent, 15)

    def test_stopping_waits_for_no_one(self):
        with Cluster(1, {"storage-engine": "memory", "admin-port": free_port()}) as cluster:
            node = cluster.nodes[0]
            with plain(int(node.command[-1])) as connection:
                connection.sendall(b"GET /metr")
                os.kill(node.pid, signal.SIGTERM)
                self.assertEqual(node.stop(), 0)

    def open_sockets(self):
        """Connections that the node has on the admin port."""
        established = "01"
        found = 0
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].split(":")[1], 16) == self.admin and fields[3] == established:
                found += 1
        return found

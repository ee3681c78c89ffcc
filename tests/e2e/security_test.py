"""Who gets in, what they may do, and what strangers can't, on real nodes."""

import pathlib
import random
import socket
import tempfile
import time
import unittest

import redis
from harness.cluster import Cluster, redis_cli
from harness.wait import wait_until


class UsersTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kindred-users-")
        self.addCleanup(folder.cleanup)
        self.acl_file = pathlib.Path(folder.name) / "users.acl"

    def cluster(self, directives, size=1):
        cluster = Cluster(size, {"storage-engine": "memory", "workers": "2", **directives})
        self.addCleanup(cluster.destroy)
        for node in cluster.nodes:
            node.start()
            node.wait_ready()
        return cluster

    def test_a_password_set_at_run_time_gates_every_worker(self):
        port = self.cluster({}).ports[0]
        early = [redis.Redis(port=port) for _ in range(4)]
        for client in early:
            client.ping()
        self.assertEqual(redis_cli(port, "CONFIG", "SET", "requirepass", "secret"), "OK")
        for client in early:
            client.ping()  # who is in stays in
        for _ in range(4):
            self.assertIn("NOAUTH", redis_cli(port, "PING"))
            self.assertTrue(redis.Redis(port=port, password="secret").ping())

    def test_wrong_passwords_are_answered_late(self):
        port = self.cluster({"requirepass": "secret"}).ports[0]
        began = time.monotonic()
        self.assertIn("WRONGPASS", redis_cli(port, "AUTH", "wrong"))
        self.assertGreater(time.monotonic() - began, 0.1)

    def test_users_of_an_acl_file_are_loaded_changed_and_saved(self):
        self.acl_file.write_text("user default on >operator ~* &* +@all\n"
                                 "user app on >secret ~app:* +@all -@dangerous\n")
        cluster = self.cluster({"aclfile": self.acl_file})
        port = cluster.ports[0]
        apps = [redis.Redis(port=port, username="app", password="secret") for _ in range(4)]
        for number, app in enumerate(apps):
            self.assertTrue(app.set(f"app:{number}", number))
            with self.assertRaises(redis.exceptions.NoPermissionError):
                app.get("other")
            with self.assertRaises(redis.exceptions.NoPermissionError):
                app.execute_command("RING", "STATUS")
        operator = redis.Redis(port=port, password="operator")
        self.assertTrue(operator.execute_command("ACL", "SETUSER", "app", "~more:*"))
        for app in apps:
            self.assertTrue(app.set("more:1", "1"), "a change reaches connections of all workers")
        self.assertTrue(operator.execute_command("ACL", "SAVE"))
        self.assertIn("~app:* ~more:*", self.acl_file.read_text())
        self.assertNotIn("secret", self.acl_file.read_text())
        self.assertEqual(cluster.nodes[0].stop(), 0)
        cluster.nodes[0].start()
        cluster.nodes[0].wait_ready()
        self.assertTrue(redis.Redis(port=port, username="app", password="secret").set("more:2", 2))
        self.acl_file.write_text("user app on +nocmd\n")
        with self.assertRaisesRegex(redis.ResponseError, "no change to the previously active"):
            operator.execute_command("ACL", "LOAD")
        self.assertTrue(redis.Redis(port=port, username="app", password="secret").set("more:2", 2))
        self.assertNotIn("secret", cluster.nodes[0].log())
        self.assertNotIn("operator", cluster.nodes[0].log())

    def test_an_acl_file_that_is_wrong_or_missing_stops_the_start(self):
        for text, told in (("user app on +nocmd\n", "users.acl:1"), (None, "opening file")):
            if text is None:
                self.acl_file.unlink()
            else:
                self.acl_file.write_text(text)
            cluster = Cluster(1, {"storage-engine": "memory", "aclfile": self.acl_file})
            self.addCleanup(cluster.destroy)
            cluster.nodes[0].start()
            self.assertEqual(cluster.nodes[0].wait_end(), 1)
            self.assertIn(told, cluster.nodes[0].log())


SECRET = "a secret of the cluster's nodes"


def resident_bytes(node):
    for line in pathlib.Path(f"/proc/{node.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


class ClusterSecretTest(unittest.TestCase):
    def test_nodes_that_share_it_are_a_cluster_and_others_stay_out(self):
        with Cluster(3, {"storage-engine": "memory", "cluster-secret": SECRET}) as cluster:
            self.assertEqual(redis_cli(cluster.ports[0], "SET", "k", "v"), "OK")
            self.assertEqual(redis_cli(cluster.ports[2], "GET", "k"), "v")
            members = redis_cli(cluster.ports[0], "RING", "MEMBERS")
            for secret in ("another secret altogether", None):
                stranger = cluster.add_node()
                if secret is None:
                    at = stranger.command.index("--cluster-secret")
                    del stranger.command[at:at + 2]
                else:
                    stranger.command += ["--cluster-secret", secret]
                stranger.start()
                stranger.wait_for_log("cluster-secret", 20)
                self.assertNotIn("Ready to accept", stranger.log())
                stranger.kill()
                cluster.nodes.remove(stranger)
            names = [line for line in members.splitlines() if line.startswith("node-")]
            now = redis_cli(cluster.ports[0], "RING", "MEMBERS").splitlines()
            self.assertEqual([line for line in now if line.startswith("node-")], names)
            self.assertLess(cluster.nodes[0].log().count("cluster-secret"), 4, "told once")
            for node in cluster.nodes:
                self.assertNotIn(SECRET, node.log())
            self.assertNotIn(SECRET, redis_cli(cluster.ports[0], "CONFIG", "GET", "*"))

    def test_hostile_bytes_on_the_peer_port_change_nothing(self):
        with Cluster(3, {"storage-engine": "memory", "cluster-secret": SECRET}) as cluster:
            victim = cluster.nodes[0]
            chance = random.Random(1)
            before = resident_bytes(victim)
            epoch = redis_cli(victim.port, "RING", "STATUS")
            with_magic = b"KINDREDP"[::-1]
            until = time.monotonic() + 5
            attempts = 0
            while time.monotonic() < until:
                with socket.create_connection(("127.0.0.1", victim.peer_port)) as link:
                    link.settimeout(1)
                    heard = link.recv(200)
                    kind = attempts % 4
                    attempts += 1
                    hostile = {0: chance.randbytes(2000), 1: heard, 2: with_magic * 40,
                               3: heard[:20] + b"\xff" * 4 + heard[24:]}[kind]
                    try:
                        link.sendall(hostile)
                        self.assertEqual(link.recv(200), b"", "the link is ended")
                    except (ConnectionError, TimeoutError):
                        pass
            self.assertGreater(attempts, 100)
            self.assertEqual(redis_cli(victim.port, "RING", "STATUS").split()[:4],
                             epoch.split()[:4])
            self.assertLess(resident_bytes(victim) - before, 16 << 20)
            rejected = int(redis_cli(victim.port, "INFO", "integrity")
                           .split("rejected_frames:")[1].split()[0])
            self.assertGreater(rejected, 100)
            self.assertEqual(redis_cli(cluster.ports[1], "SET", "k", "v"), "OK")


class AttackTest(unittest.TestCase):
    HOSTILE = [b"\x00" * 4000, b"*2147483647\r\n", b"*10\r\n$536870912\r\n", b"$-5\r\n",
               b"*1\r\n$16384\r\n" + b"x" * 16000, b"POST / HTTP/1.1\r\nHost: a\r\n\r\n",
               b"*3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$3\r\nbad\r\n", b"'unbalanced\r\n",
               b"GET k\r\n" * 50, b"*100\r\n", b"a" * 70000]

    def test_strangers_take_neither_answers_nor_memory_from_clients(self):
        cluster = Cluster(1, {"storage-engine": "memory", "requirepass": "secret"})
        try:
            node = cluster.nodes[0]
            node.start()
            node.wait_ready()
            client = redis.Redis(port=node.port, password="secret")
            client.set("k", "v")
            before = resident_bytes(node)
            chance = random.Random(2)
            strangers = []
            slow = b"*1\r\n$4\r\nPING\r\n"
            answered = 0
            until = time.monotonic() + 8
            while time.monotonic() < until:
                if len(strangers) < 600:
                    stranger = socket.create_connection(("127.0.0.1", node.port))
                    stranger.setblocking(False)
                    strangers.append(stranger)
                stranger = chance.choice(strangers)
                hostile = chance.choice(self.HOSTILE + [chance.randbytes(300), slow[:1]])
                try:
                    stranger.send(hostile)
                except BlockingIOError:
                    pass
                except OSError:
                    strangers.remove(stranger)
                    stranger.close()
                began = time.monotonic()
                self.assertEqual(client.get("k"), b"v")
                self.assertLess(time.monotonic() - began, 2)
                answered += 1
            self.assertGreater(answered, 500)
            self.assertLess(resident_bytes(node) - before, 600 * (64 << 10) + (16 << 20))
            for stranger in strangers:
                stranger.close()
            self.assertTrue(client.ping())
        finally:
            cluster.destroy()

    def test_a_reader_that_does_not_read_is_not_fed_and_may_be_cut_off(self):
        with Cluster(1, {"storage-engine": "memory"}) as cluster:
            node = cluster.nodes[0]
            client = redis.Redis(port=node.port)
            client.set("large", b"x" * (64 << 10))
            before = resident_bytes(node)
            with socket.create_connection(("127.0.0.1", node.port)) as reader:
                reader.sendall(b"GET large\r\n" * 10_000)
                wait_until(lambda: client.info("stats")["total_commands_processed"] > 500, 20,
                           "what may be under way is")
                self.assertLess(resident_bytes(node) - before, 100 << 20, "of 640 MB")
                self.assertEqual(client.info("clients")["connected_clients"], 2)
            client.config_set("client-output-buffer-limit", "normal 256kb 0 0")
            with socket.create_connection(("127.0.0.1", node.port)) as reader:
                reader.sendall(b"GET large\r\n" * 10_000)
                wait_until(lambda: client.info("clients")["connected_clients"] == 1, 20,
                           "the slow reader is gone")

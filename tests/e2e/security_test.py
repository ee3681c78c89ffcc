"""Who gets in, what they may do, and what strangers can't, on real nodes."""

import pathlib
import socket
import tempfile
import time
import unittest

import redis
from attacks import client_port, peer_port
from harness.cluster import Cluster, redis_cli
from harness.memory import resident_bytes
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

    def test_strangers_and_tampered_links_change_nothing(self):
        found = peer_port.attack(seconds=5)
        self.assertGreater(found.outsiders, 100)
        self.assertGreater(found.tampered, 5)
        self.assertEqual(found.links_ended, found.tampered)
        self.assertGreater(found.rejected, found.outsiders)
        self.assertTrue(found.ring_unchanged)
        self.assertLess(found.grown_bytes, peer_port.GROWTH_BYTES_MAX)


class AttackTest(unittest.TestCase):
    def test_strangers_take_neither_answers_nor_memory_from_clients(self):
        connections = 400
        found = client_port.attack(connections, seconds=4, rounds=1)
        self.assertLess(found.slowest_ms, 2000)
        self.assertLess(found.grown_bytes,
                        connections * client_port.BYTES_A_STRANGER + client_port.SLACK_BYTES)

    def test_a_reader_that_does_not_read_is_not_fed_and_may_be_cut_off(self):
        with Cluster(1, {"storage-engine": "memory"}) as cluster:
            node = cluster.nodes[0]
            client = redis.Redis(port=node.port)
            client.set("large", b"x" * (64 << 10))
            before = resident_bytes(node.pid)
            with socket.create_connection(("127.0.0.1", node.port)) as reader:
                reader.sendall(b"GET large\r\n" * 10_000)
                wait_until(lambda: client.info("stats")["total_commands_processed"] > 20, 20,
                           "what may be under way is")
                self.assertLess(resident_bytes(node.pid) - before, 30 << 20, "of 640 MB")
                self.assertEqual(client.info("clients")["connected_clients"], 2)
            client.config_set("client-output-buffer-limit", "normal 256kb 0 0")
            with socket.create_connection(("127.0.0.1", node.port)) as reader:
                reader.sendall(b"GET large\r\n" * 10_000)
                wait_until(lambda: client.info("clients")["connected_clients"] == 1, 20,
                           "the slow reader is gone")

    def test_values_of_megabytes_are_asked_for_as_they_are_taken(self):
        size, count, requests = 8 << 20, 10, 60
        with Cluster(3, {"storage-engine": "memory", "workers": 1}) as cluster:
            client = redis.Redis(port=cluster.ports[0])
            for number in range(count):
                client.set(f"large:{number}", bytes([number]) * size)
            before = [resident_bytes(node.pid) for node in cluster.nodes]
            with socket.create_connection(("127.0.0.1", cluster.ports[0])) as reader:
                for number in range(requests):
                    reader.sendall(f"GET large:{number % count}\r\n".encode())
                wait_until(lambda: unsent_of(client) > size, 20, "replies wait")
                wait_until(lambda: reader_is_still(client), 20,
                           "no more is asked for")
                grown = [resident_bytes(node.pid) - begin
                         for node, begin in zip(cluster.nodes, before)]
                self.assertLess(max(grown), 25 * size, f"of {requests * size}: {grown}")
                stream = reader.makefile("rb")
                for number in range(requests):
                    self.assertEqual(stream.readline(), b"$%d\r\n" % size)
                    value = stream.read(size + 2)
                    self.assertEqual((len(value), value[0]), (size + 2, number % count))


def unsent_of(client):
    """The bytes that wait for a connection that sent GET last."""
    return sum(int(found["obl"]) for found in client.client_list() if found["cmd"] == "get")


def reader_is_still(client):
    """Whether these stay as they are over a few questions."""
    return len({unsent_of(client) for _ in range(20)}) == 1

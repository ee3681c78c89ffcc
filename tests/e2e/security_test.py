"""Users and what they may do, on real nodes."""

import pathlib
import tempfile
import time
import unittest

import redis
from harness.cluster import Cluster, redis_cli


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

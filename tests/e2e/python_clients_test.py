"""Debian's python3-redis, plain and as a cluster client."""

import unittest

import redis
from harness.cluster import Cluster
from harness.wait import wait_until
from redis.cluster import ClusterNode, RedisCluster


class PythonClientsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3)
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.start()
        cls.clients = [redis.Redis(port=port) for port in cls.cluster.ports]

    def setUp(self):
        self.clients[0].flushall()

    def assert_serves_crud(self, client):
        self.assertTrue(client.set("a", "1"))
        self.assertEqual(client.get("a"), b"1")
        self.assertEqual(client.incrby("a", 41), 42)
        self.assertEqual(client.append("a", "!"), 3)
        self.assertIsNone(client.set("a", "x", nx=True))
        self.assertEqual(client.getset("a", "y"), b"42!")
        self.assertTrue(client.expire("a", 100))
        self.assertIn(client.ttl("a"), (99, 100))
        self.assertTrue(client.persist("a"))
        self.assertEqual(client.ttl("a"), -1)
        self.assertEqual(client.delete("a"), 1)
        self.assertIsNone(client.get("a"))
        self.assertEqual(client.ttl("a"), -2)

    def test_plain_client(self):
        self.assert_serves_crud(self.clients[0])

    def test_cluster_client(self):
        def client_of_three():
            client = RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", self.cluster.ports[0])])
            return client if len(client.get_nodes()) == 3 else None

        # On a machine that stalls, a node may look down for a moment; then it holds no slots.
        client = wait_until(client_of_three, 10, "the cluster client knows three nodes")
        self.assert_serves_crud(client)
        values = {f"key-{number}": f"{number}".encode() for number in range(300)}
        for key, value in values.items():
            client.set(key, value)
        self.assertEqual({key: client.get(key) for key in values}, values)
        # Every node speaks for the whole store, so a key may come more than once.
        self.assertEqual({key.decode() for key in client.scan_iter(count=100)}, set(values))

    def test_many_keys_across_slots_at_any_node(self):
        values = {f"many-{number}": f"{number}".encode() for number in range(100)}
        self.assertTrue(self.clients[1].mset(values))
        self.assertEqual(self.clients[2].mget(list(values)), list(values.values()))
        self.assertEqual(self.clients[0].exists(*values), len(values))
        self.assertEqual(self.clients[0].dbsize(), len(values))
        self.assertEqual(self.clients[0].delete(*values), len(values))

    def test_transaction_pipeline(self):
        replies = (self.clients[0].pipeline(transaction=True)
                   .set("t", "1").incr("t").get("t").delete("t").get("t").execute())
        self.assertEqual(replies, [True, 2, b"2", 1, None])

    def test_transaction_with_a_bad_command_applies_nothing(self):
        pipeline = self.clients[0].pipeline(transaction=True)
        pipeline.set("u", "1")
        pipeline.execute_command("NOSUCH")
        with self.assertRaises(redis.ResponseError):
            pipeline.execute()
        self.assertIsNone(self.clients[0].get("u"))

    def test_versions_of_concurrent_writes_and_their_merge(self):
        first, second, third = self.clients
        start = first.execute_command("DPUT", "cart", "", "empty")
        left = first.execute_command("DPUT", "cart", start, "apples")
        second.execute_command("DPUT", "cart", start, "pears")
        context, versions = third.execute_command("DGET", "cart")
        self.assertEqual(sorted(versions), [b"apples", b"pears"])
        self.assertNotEqual(context, left)
        third.execute_command("DPUT", "cart", context, "apples pears")
        self.assertEqual(first.execute_command("DGET", "cart")[1], [b"apples pears"])

    def test_a_context_of_another_key_is_refused(self):
        context = self.clients[0].execute_command("DPUT", "one", "", "1")
        with self.assertRaisesRegex(redis.ResponseError, "^BADCONTEXT"):
            self.clients[0].execute_command("DPUT", "two", context, "2")
        self.assertIsNone(self.clients[0].get("two"))

"""kill -9 under load: what was acknowledged is there after the restart."""

import threading
import unittest

import redis
from harness.cluster import Cluster
from harness.wait import wait_until

WRITERS_A_NODE = 4
ACKNOWLEDGED_BEFORE_THE_KILL = 3000


class Writer(threading.Thread):
    """Writes new keys through one node until that fails; remembers what was acknowledged."""

    def __init__(self, name, port, versioned):
        super().__init__(daemon=True)
        self._prefix, self._versioned = name, versioned
        self._client = redis.Redis(port=port, socket_timeout=5, retry_on_timeout=False)
        self.acknowledged = {}

    def run(self):
        number = 0
        while True:
            number += 1
            key, value = f"{self._prefix}-{number}", f"value-{number}"
            try:
                if self._versioned:
                    self._client.execute_command("DPUT", key, "", value)
                else:
                    self._client.set(key, value)
            except redis.RedisError:
                return
            self.acknowledged[key] = value.encode()


class CrashTest(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3, {"storage-engine": "rocksdb", "durability": "group"})
        self.addCleanup(self.cluster.destroy)
        self.cluster.start()

    def write_and_kill(self, round_number):
        """Kills all nodes while writers run; returns what was acknowledged."""
        writers = [Writer(f"r{round_number}-{port}-{number}", port, versioned=number % 2 == 1)
                   for port in self.cluster.ports for number in range(WRITERS_A_NODE)]
        for writer in writers:
            writer.start()
        wait_until(lambda: sum(len(writer.acknowledged) for writer in writers)
                   >= ACKNOWLEDGED_BEFORE_THE_KILL, 60, "enough writes acknowledged")
        self.assertTrue(all(writer.is_alive() for writer in writers), "a write failed before")
        self.cluster.kill()
        acknowledged = {}
        for writer in writers:
            writer.join(30)
            self.assertFalse(writer.is_alive())
            acknowledged.update(writer.acknowledged)
        return acknowledged

    def assert_all_there(self, acknowledged):
        for port in self.cluster.ports:
            client, keys = redis.Redis(port=port), list(acknowledged)
            pipeline = client.pipeline(transaction=False)
            for key in keys:
                pipeline.get(key)
            found = dict(zip(keys, pipeline.execute()))
            lost = [key for key in keys if found[key] != acknowledged[key]]
            self.assertEqual(len(lost), 0, f"of {len(keys)}, as the node on {port} answers; "
                             f"among them {lost[:5]}")

    def test_all_nodes_killed_under_load_twice(self):
        acknowledged = {}
        for round_number in (1, 2):
            acknowledged.update(self.write_and_kill(round_number))
            self.cluster.start()
            self.assert_all_there(acknowledged)

    def test_one_node_killed_and_back_while_the_others_serve(self):
        client = redis.Redis(port=self.cluster.ports[0], socket_timeout=5)
        client.set("before", "1")
        self.cluster.nodes[2].kill()
        wait_until(lambda: sets(client, "during", "2"), 10, "two of three nodes take a write")
        self.cluster.start()
        third = redis.Redis(port=self.cluster.ports[2], socket_timeout=5)
        wait_until(lambda: reads(third, "during") == b"2", 10, "the node that is back reads it")
        self.assertEqual(third.get("before"), b"1")


def sets(client, key, value):
    try:
        return client.set(key, value)
    except redis.RedisError:
        return False


def reads(client, key):
    try:
        return client.get(key)
    except redis.RedisError:
        return None

"""Hinted handoff: what was written while a node was down is in its own store soon after it is back."""

import unittest

import redis
from harness.cluster import Cluster, redis_cli
from harness.wait import wait_until

NODES = 5
KEYS = 10_000
KEYS_AT_A_NODE_MIN = KEYS // 3  # N=3 of five nodes: about 6,000
BATCH = 500
DELIVERED_WITHIN_S = 60


def info(node):
    lines = redis_cli(node.port, "INFO", "replication").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def hints(node):
    return {name: int(info(node)["hints_" + name])
            for name in ("stored", "delivered", "superseded", "expired", "pending")}


class HandoffTest(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(NODES, {"storage-engine": "rocksdb", "durability": "async"})
        self.addCleanup(self.cluster.destroy)
        self.cluster.start()

    def in_batches(self, node, commands):
        client = redis.Redis(port=node.port, socket_timeout=30)
        replies = []
        for begin in range(0, len(commands), BATCH):
            pipeline = client.pipeline(transaction=False)
            for command in commands[begin:begin + BATCH]:
                pipeline.execute_command(*command)
            replies += pipeline.execute(raise_on_error=False)
        return replies

    def sees(self, node, up):
        return f"members_up:{up}" in redis_cli(node.port, "INFO", "kindred").splitlines()

    def local_values(self, node, keys):
        """Values in the node's own copies; None where it holds no copy of the key."""
        replies = self.in_batches(node, [("DGET", key, "LOCAL") for key in keys])
        return [None if isinstance(reply, redis.ResponseError) else reply[1] for reply in replies]

    def ring_hints(self, node):
        """How many hints the node keeps for whom."""
        rows = redis.Redis(port=node.port).execute_command("RING", "HINTS")
        rows = [dict(zip(row[::2], row[1::2])) for row in rows]
        self.assertTrue(all(row[b"bytes"] > 0 and row[b"state"] == b"down" for row in rows), rows)
        return {row[b"node"].decode(): row[b"hints"] for row in rows}

    def assert_conserved(self, node):
        count = hints(node)
        self.assertEqual(count["stored"], count["delivered"] + count["superseded"]
                         + count["expired"] + count["pending"], node.name)

    def test_all_that_was_written_meanwhile_is_brought_to_the_node(self):
        *others, absent = self.cluster.nodes
        absent.kill()
        wait_until(lambda: all(self.sees(node, NODES - 1) for node in others), 30,
                   "all others take it for down")
        keys = [f"key:{number}" for number in range(KEYS)]
        share = KEYS // len(others)
        for number, node in enumerate(others):
            part = keys[number * share:(number + 1) * share]
            replies = self.in_batches(node, [("SET", key, "of " + key) for key in part])
            self.assertEqual([reply for reply in replies if reply not in (True, b"OK")], [])
        kept = sum(hints(node)["pending"] for node in others)
        self.assertGreater(kept, KEYS_AT_A_NODE_MIN)
        for node in others:
            self.assertEqual(self.ring_hints(node), {absent.name: hints(node)["pending"]})

        for node in others:
            self.assertEqual(node.stop(), 0)
            node.start()
            node.wait_ready()
            wait_until(lambda: all(self.sees(one, NODES - 1) for one in others), 30,
                       "the others see it back")
        self.assertEqual(sum(hints(node)["pending"] for node in others), kept)

        absent.start()
        absent.wait_ready()
        wait_until(lambda: sum(hints(node)["pending"] for node in others) == 0, DELIVERED_WITHIN_S,
                   "all hints are delivered")
        values = self.local_values(absent, keys)
        held = {key: value for key, value in zip(keys, values) if value is not None}
        self.assertGreater(len(held), KEYS_AT_A_NODE_MIN)
        missing = [key for key, value in held.items() if value != [("of " + key).encode()]]
        self.assertEqual(missing, [])
        for node in self.cluster.nodes:
            self.assert_conserved(node)

    def test_a_key_whose_owners_are_all_down_is_written_and_read_and_comes_home(self):
        key = "wanted"
        reply = redis.Redis(port=self.cluster.ports[0]).execute_command("DEXPLAIN", key)
        fields = dict(zip(reply[::2], reply[1::2]))
        listed = [dict(zip(entry[::2], entry[1::2])) for entry in fields[b"preference_list"]]
        names = {entry[b"node"].decode() for entry in listed if entry[b"role"] == b"primary"}
        owners = [node for node in self.cluster.nodes if node.name in names]
        others = [node for node in self.cluster.nodes if node.name not in names]
        self.assertEqual(len(owners), 3)
        for node in owners:
            node.kill()
        wait_until(lambda: all(self.sees(node, len(others)) for node in others), 30,
                   "the owners are taken for down")
        client = redis.Redis(port=others[0].port)
        self.assertTrue(client.set(key, "v"))
        self.assertEqual(redis.Redis(port=others[1].port).get(key), b"v")
        meta = client.execute_command("DGET", key, "WITHMETA")
        self.assertEqual(meta[2], b"sloppy")
        self.cluster.start()
        wait_until(lambda: all(hints(node)["pending"] == 0 for node in others), 60, "hints are gone")
        for node in owners:
            self.assertEqual(self.local_values(node, [key]), [[b"v"]])


if __name__ == "__main__":
    unittest.main()

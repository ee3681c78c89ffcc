"""Reaping: what was deleted or has expired leaves all nodes, once all of them agree."""

import unittest

import redis
from harness.cluster import Cluster, redis_cli
from harness.wait import wait_until

NODES = 3
KEYS = 600
EXPIRING = 200
DIRECTIVES = {"storage-engine": "rocksdb", "durability": "group", "ring-partitions": 16,
              "anti-entropy-interval-ms": 300, "tombstone-grace-ms": 200}


def versions(node):
    lines = redis_cli(node.port, "INFO", "versions").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


class ReapingTest(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(NODES, DIRECTIVES)
        self.addCleanup(self.cluster.destroy)
        self.cluster.start()
        self.client = redis.Redis(port=self.cluster.ports[0], socket_timeout=30)

    def count(self, name):
        return [int(versions(node)[name]) for node in self.cluster.nodes]

    def in_one_go(self, commands):
        pipeline = self.client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return pipeline.execute()

    def held_up_by(self, nodes):
        """The members that hold rounds up, by what those say who drive them."""
        figures = [versions(node) for node in nodes]
        return {one["reap_held_up_by"] for one in figures if one["reap_waiting_partitions"] != "0"}

    def sees(self, node, up):
        return f"members_up:{up}" in redis_cli(node.port, "INFO", "kindred").splitlines()

    def test_the_deleted_and_the_expired_leave_every_node(self):
        self.in_one_go([("SET", f"key:{n}", "v") for n in range(KEYS)])
        self.in_one_go([("SET", f"soon:{n}", "v", "PX", 100) for n in range(EXPIRING)])
        self.client.set("stays", "v")
        self.in_one_go([("DEL", f"key:{n}") for n in range(KEYS)])
        wait_until(lambda: self.count("reaped_keys") == [KEYS + EXPIRING] * NODES, 30,
                   "every node let all of them go")
        self.assertEqual(self.count("tombstones"), [0] * NODES)
        self.assertGreater(sum(self.count("reap_rounds")), 0)
        self.assertEqual(self.client.dbsize(), 1)
        self.assertEqual(self.client.get("stays"), b"v")
        # What is gone knows no context any more: a key like any other that was never written.
        self.assertEqual(self.client.execute_command("DGET", "key:0"), [b"", []])
        for node in self.cluster.nodes:
            self.assertEqual(node.stop(), 0)
            node.start()
            node.wait_ready()
        self.cluster.settle()
        self.assertEqual(self.count("tombstones"), [0] * NODES)
        self.assertEqual(self.client.dbsize(), 1)

    def test_rounds_go_on_without_anti_entropy(self):
        for node in self.cluster.nodes:
            redis_cli(node.port, "CONFIG", "SET", "anti-entropy-interval-ms", "0")
        self.in_one_go([("SET", f"key:{n}", "v") for n in range(KEYS)])
        self.in_one_go([("DEL", f"key:{n}") for n in range(KEYS)])
        wait_until(lambda: self.count("reaped_keys") == [KEYS] * NODES, 30,
                   "every node let all of them go")

    def test_a_node_that_is_away_holds_rounds_up_and_brings_nothing_back(self):
        self.in_one_go([("SET", f"key:{n}", "v") for n in range(KEYS)])
        *others, absent = self.cluster.nodes
        absent.kill()
        wait_until(lambda: all(self.sees(node, NODES - 1) for node in others), 30,
                   "the others take it for down")
        self.in_one_go([("DEL", f"key:{n}") for n in range(KEYS)])
        wait_until(lambda: self.held_up_by(others) == {absent.name}, 30, "rounds wait for it")
        self.assertEqual([versions(node)["reaped_keys"] for node in others], ["0", "0"])
        self.assertEqual([versions(node)["tombstones"] for node in others], [str(KEYS)] * 2)

        absent.start()
        absent.wait_ready()
        wait_until(lambda: self.count("tombstones") == [0] * NODES, 30, "all tombstones went")
        wait_until(lambda: self.count("reap_waiting_partitions") == [0] * NODES, 30, "nobody waits")
        self.assertEqual(self.client.dbsize(), 0)
        self.assertEqual(set(self.in_one_go([("GET", f"key:{n}") for n in range(KEYS)])), {None})


if __name__ == "__main__":
    unittest.main()

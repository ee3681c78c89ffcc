"""Repair: copies that differ, with no hint and no read to tell of it, become equal by themselves."""

import shutil
import unittest

import redis
from harness.cluster import Cluster, redis_cli
from harness.wait import wait_until

NODES = 3
KEYS = 10_000
BATCH = 500
NEVER = 0
# Copies are brought together by what is tested here alone: no hint is kept, and nothing is read.
DIRECTIVES = {"storage-engine": "rocksdb", "durability": "async", "hint-store-max": 0}


def info(node, section):
    lines = redis_cli(node.port, "INFO", section).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


class AntiEntropyTest(unittest.TestCase):
    def start(self, interval_ms, directives=None):
        self.cluster = Cluster(NODES, {**DIRECTIVES, "anti-entropy-interval-ms": interval_ms,
                                       **(directives or {})})
        self.addCleanup(self.cluster.destroy)
        self.cluster.start()

    def in_batches(self, node, commands):
        client = redis.Redis(port=node.port, socket_timeout=60)
        replies = []
        for begin in range(0, len(commands), BATCH):
            pipeline = client.pipeline(transaction=False)
            for command in commands[begin:begin + BATCH]:
                pipeline.execute_command(*command)
            replies += pipeline.execute(raise_on_error=True)
        return replies

    def write(self, node, value, keys):
        self.in_batches(node, [("SET", key, value) for key in keys])

    def count_held(self, node, value, keys):
        """How many of the keys have this very value in the node's own copies."""
        replies = self.in_batches(node, [("DGET", key, "LOCAL") for key in keys])
        return sum(reply[1] == [value] for reply in replies)

    def sees(self, node, up):
        return f"members_up:{up}" in redis_cli(node.port, "INFO", "kindred").splitlines()

    def repair(self, node, *partition):
        reply = redis.Redis(port=node.port).execute_command("RING", "REPAIR", *partition)
        rows = [dict(zip(row[::2], row[1::2])) for row in reply]
        self.assertEqual({row[b"result"] for row in rows}, {b"complete"})
        return rows

    def repaired(self):
        return [int(info(node, "antientropy")["keys_repaired"]) for node in self.cluster.nodes]

    def exchanges(self):
        return [int(info(node, "antientropy")["exchanges"]) for node in self.cluster.nodes]

    def assert_nothing_else_repaired(self):
        for node in self.cluster.nodes:
            figures = info(node, "replication")
            self.assertEqual(figures["read_repairs"], "0")
            self.assertEqual(figures["hints_delivered"], "0")

    def assert_quiet(self, cycles):
        """Nothing is written: whole cycles at every node find nothing to repair."""
        before = self.repaired()
        begun_by_each = self.partition_count() * (NODES - 1) // 2  # of two owners one begins
        for _ in range(cycles):
            begun = self.exchanges()
            wait_until(lambda: all(now >= then + begun_by_each
                                   for now, then in zip(self.exchanges(), begun)), 30, "a cycle")
        self.assertEqual(self.repaired(), before)

    def counts(self, node):
        figures = info(node, "antientropy")
        return [int(figures[name]) for name in ("exchanges", "keys_compared", "keys_repaired",
                                                "bytes")]

    def assert_counted(self, node, before, rows):
        """INFO counted exactly what RING REPAIR told of."""
        told = [sum(row[name] for row in rows)
                for name in (b"exchanges", b"keys_compared", b"keys_repaired", b"bytes")]
        self.assertEqual([now - then for now, then in zip(self.counts(node), before)], told)

    def partition_count(self):
        return len(redis.Redis(port=self.cluster.ports[0]).execute_command("RING", "OWNERS"))

    def write_while_it_is_down(self, absent, present, keys):
        """Writes that the node misses, and nobody keeps for it."""
        absent.kill()
        wait_until(lambda: all(self.sees(node, NODES - 1) for node in present), 30,
                   "the others take it for down")
        self.write(present[0], b"new", keys)
        absent.start()
        absent.wait_ready()
        self.cluster.settle()

    def test_a_node_that_missed_writes_gets_them_by_the_interval_alone(self):
        self.start(interval_ms=500)
        *present, absent = self.cluster.nodes
        keys = [f"key:{number}" for number in range(KEYS)]
        self.write_while_it_is_down(absent, present, keys)
        wait_until(lambda: self.count_held(absent, b"new", keys) == KEYS, 60, "all is there")
        self.assertGreaterEqual(sum(self.repaired()), KEYS)
        self.assert_nothing_else_repaired()
        self.assert_quiet(cycles=2)

    def test_ring_repair_brings_together_both_ways_and_tells_what_it_found(self):
        self.start(interval_ms=NEVER)
        *present, absent = self.cluster.nodes
        keys = [f"key:{number}" for number in range(KEYS)]
        self.write(present[0], b"old", keys)
        self.write_while_it_is_down(absent, present, keys[:KEYS // 2])
        self.assertEqual(self.count_held(absent, b"new", keys), 0)

        one, = self.repair(absent, 5)
        self.assertEqual(one[b"partition"], 5)
        self.assertEqual(one[b"exchanges"], NODES - 1)
        self.assertGreater(one[b"keys_repaired"], 0)
        self.assertGreaterEqual(one[b"keys_compared"], one[b"keys_repaired"])
        self.assertGreater(one[b"bytes"], 0)
        self.assertEqual(self.count_held(absent, b"new", keys), one[b"keys_repaired"])
        before = self.counts(present[1])
        rest = self.repair(present[1])  # asked at one of those that have all
        self.assert_counted(present[1], before, rest)
        moved = info(present[1], "background")
        self.assertGreaterEqual(int(moved["background_bytes_anti_entropy"]),
                                sum(row[b"bytes"] for row in rest))
        self.assertEqual(len(rest), self.partition_count())
        self.assertEqual(sum(row[b"keys_repaired"] for row in rest) + one[b"keys_repaired"],
                         KEYS // 2)
        self.assertEqual(self.count_held(absent, b"new", keys[:KEYS // 2]), KEYS // 2)
        self.assertEqual(self.count_held(absent, b"old", keys), KEYS // 2)
        for node in self.cluster.nodes:
            before = self.counts(node)
            again = self.repair(node)
            self.assert_counted(node, before, again)
            self.assertEqual(sum(row[b"keys_compared"] for row in again), 0)
        self.assert_nothing_else_repaired()

    def test_records_gone_behind_the_nodes_back_come_back(self):
        self.start(interval_ms=NEVER)
        *present, robbed = self.cluster.nodes
        keys = [f"key:{number}" for number in range(2000)]
        self.write(present[0], b"v", keys[:1000])
        self.assertEqual(robbed.stop(), 0)
        earlier = robbed.data.with_name("earlier")
        shutil.copytree(robbed.data, earlier)
        robbed.start()
        robbed.wait_ready()
        self.cluster.settle()
        self.write(present[0], b"v", keys[1000:])
        wait_until(lambda: self.count_held(robbed, b"v", keys) == len(keys), 30, "it has all")
        self.assertEqual(robbed.stop(), 0)
        shutil.rmtree(robbed.data)
        earlier.rename(robbed.data)
        robbed.start()
        robbed.wait_ready()
        self.cluster.settle()
        self.assertEqual(self.count_held(robbed, b"v", keys), 1000)
        found = self.repair(robbed)
        self.assertEqual(sum(row[b"keys_repaired"] for row in found), 1000)
        self.assertEqual(self.count_held(robbed, b"v", keys), len(keys))

    def test_deletes_and_expiries_leave_nothing_to_repair(self):
        self.start(interval_ms=500)
        keys = [f"key:{number}" for number in range(2000)]
        self.write(self.cluster.nodes[0], b"v", keys)
        self.in_batches(self.cluster.nodes[1], [("DEL", key) for key in keys[:500]])
        self.in_batches(self.cluster.nodes[2], [("PEXPIRE", key, 400) for key in keys[500:1500]])
        wait_until(lambda: self.count_held(self.cluster.nodes[0], b"v", keys) == 500, 30,
                   "they have expired")
        self.assert_quiet(cycles=1)  # exchanges that began beside the last write have ended
        compared = [self.counts(node)[1] for node in self.cluster.nodes]
        self.assert_quiet(cycles=2)
        self.assertEqual([self.counts(node)[1] for node in self.cluster.nodes], compared)
        self.assert_nothing_else_repaired()

    def test_background_work_gives_way_to_requests_and_comes_back(self):
        self.start(interval_ms=100, directives={"background-p99-target-us": 1, "workers": 1})
        node = self.cluster.nodes[0]
        keys = [f"key:{number}" for number in range(BATCH)]

        def background(name):
            return int(info(node, "background")[f"background_{name}"])

        def rate_under_load():
            self.write(node, b"v", keys)
            return background("rate")

        floor = 1 << 20
        wait_until(lambda: rate_under_load() == floor, 30, "no request is as fast as that")
        self.assertGreater(background("slowdowns"), 0)
        self.assertGreater(background("p99_us"), background("p99_target_us"))
        self.assertGreater(background("bytes_anti_entropy"), 0)
        redis_cli(node.port, "CONFIG", "SET", "background-p99-target-us", 3_600_000_000)
        wait_until(lambda: rate_under_load() == background("rate_max"), 30, "any is now")
        self.assertGreater(background("speedups"), 0)

    def test_a_wiped_node_is_whole_again_by_itself(self):
        self.start(interval_ms=500)
        *present, wiped = self.cluster.nodes
        keys = [f"key:{number}" for number in range(KEYS)]
        self.write(present[0], b"v", keys)
        wiped.kill()
        shutil.rmtree(wiped.data)
        wiped.data.mkdir()
        wiped.start()
        wiped.wait_ready()
        self.cluster.settle()
        wait_until(lambda: redis_cli(wiped.port, "RING", "TRANSFERS") == "", 60,
                   "all its copies are whole")
        self.assertEqual(self.count_held(wiped, b"v", keys), KEYS)
        self.assert_nothing_else_repaired()
        self.assert_quiet(cycles=2)


if __name__ == "__main__":
    unittest.main()

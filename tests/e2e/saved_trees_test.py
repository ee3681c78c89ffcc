"""A clean stop saves trees and counts: the next start takes them over. Any other one reads all."""

import shutil
import unittest

import redis
from harness.cluster import Cluster, redis_cli
from harness.wait import wait_until

KEYS = 3000
BATCH = 500
DIRECTIVES = {"durability": "async", "anti-entropy-interval-ms": 0}


def info(node, section):
    lines = redis_cli(node.port, "INFO", section).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


class SavedTreesTest(unittest.TestCase):
    def start(self, size=1, **directives):
        self.cluster = Cluster(size, {**DIRECTIVES, **directives})
        self.addCleanup(self.cluster.destroy)
        self.cluster.start()
        self.node = self.cluster.nodes[0]
        self.partitions = len(self.client().execute_command("RING", "OWNERS"))

    def client(self):
        return redis.Redis(port=self.node.port, socket_timeout=60)

    def write(self, begin=0, end=KEYS):
        client = self.client()
        for first in range(begin, end, BATCH):
            pipeline = client.pipeline(transaction=False)
            for number in range(first, first + BATCH):
                pipeline.set(f"key:{number}", "v", ex=1000 if number % 3 == 0 else None)
            pipeline.execute()

    def figures(self):
        """What a start that reads all records tells too."""
        keys = redis_cli(self.node.port, "INFO", "keyspace")
        versions = redis_cli(self.node.port, "INFO", "versions")
        keys = keys.split(",avg_ttl")[0]
        return self.client().dbsize(), keys, [line for line in versions.splitlines()
                                              if line.startswith(("tombstones", "siblings",
                                                                  "clock"))]

    def restored(self):
        return int(info(self.node, "antientropy")["copies_restored"])

    def start_again(self, *extra):
        self.node.start(extra)
        self.node.wait_ready()
        self.cluster.settle()

    def checked(self):
        figures = info(self.node, "antientropy")
        self.assertEqual(figures["copies_mended"], "0")
        return int(figures["copies_checked"])

    def take_over(self):
        self.write()
        self.client().delete(*[f"key:{number}" for number in range(100)])
        before = self.figures()
        self.assertEqual(self.node.stop(), 0)
        self.start_again("--workers", "3")  # what is saved is not a worker's but a copy's
        self.assertEqual(self.restored(), self.partitions)
        self.assertEqual(self.figures(), before)
        wait_until(lambda: self.checked() == self.partitions, 30, "all are compared with records")
        self.assertEqual(self.figures(), before)

    def test_rocksdb(self):
        self.start(**{"storage-engine": "rocksdb"})
        self.take_over()
        # The second time: what is written now is in nothing that was saved.
        self.write(KEYS, 2 * KEYS)
        before = self.figures()
        self.node.kill()
        self.start_again()
        self.assertEqual(self.restored(), 0)
        self.assertEqual(self.figures(), before)

    def test_lmdb(self):
        self.start(**{"storage-engine": "lmdb"})
        self.take_over()

    def test_an_engines_directory_of_a_running_node_is_read(self):
        self.start(**{"storage-engine": "rocksdb"})
        self.write()
        self.assertEqual(self.node.stop(), 0)
        self.start_again()
        self.assertEqual(self.restored(), self.partitions)
        self.write(KEYS, 2 * KEYS)
        self.node.kill()
        earlier = self.node.data.with_name("earlier")
        shutil.copytree(self.node.data / "data-rocksdb", earlier)
        self.start_again()
        self.write(2 * KEYS, 3 * KEYS)
        self.assertEqual(self.node.stop(), 0)
        shutil.rmtree(self.node.data / "data-rocksdb")
        earlier.rename(self.node.data / "data-rocksdb")  # beside the note of a clean stop
        self.start_again()
        self.assertEqual(self.restored(), 0)
        self.assertEqual(self.client().dbsize(), 2 * KEYS)

    def test_copies_that_were_taken_over_have_nothing_to_repair(self):
        self.start(3, **{"storage-engine": "rocksdb"})
        self.write()
        self.assertEqual(self.node.stop(), 0)
        self.start_again()
        self.assertGreater(self.restored(), 0)
        wait_until(lambda: info(self.node, "kindred")["members_up"] == "3", 30, "all are up")
        rows = self.client().execute_command("RING", "REPAIR")
        found = [dict(zip(row[::2], row[1::2])) for row in rows]
        self.assertEqual({row[b"result"] for row in found}, {b"complete"})
        self.assertEqual(sum(row[b"keys_compared"] for row in found), 0)


if __name__ == "__main__":
    unittest.main()

"""WATCH and EXEC of clients at different nodes, by python3-redis."""

import threading
import unittest

import redis
from harness.cluster import Cluster

CLIENTS = 4
INCREMENTS = 25


class WatchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3, {"workers": 2})
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.start()
        cls.clients = [redis.Redis(port=port) for port in cls.cluster.ports]

    def test_a_write_at_another_node_in_between_ends_it(self):
        mine, other, _ = self.clients
        mine.set("k", "1")
        with mine.pipeline() as pipeline:
            pipeline.watch("k")
            other.set("k", "2")
            pipeline.multi()
            pipeline.set("k", "mine")
            with self.assertRaises(redis.WatchError):
                pipeline.execute()
        self.assertEqual(other.get("k"), b"2")

    def test_without_one_the_queue_runs_whole(self):
        mine, other, _ = self.clients
        mine.set("whole", "1")
        with mine.pipeline() as pipeline:
            pipeline.watch("whole")
            self.assertEqual(pipeline.get("whole"), b"1")
            pipeline.multi()
            pipeline.incr("whole")
            pipeline.append("whole", "0")
            pipeline.expire("whole", 100)
            pipeline.get("whole")
            self.assertEqual(pipeline.execute(), [2, 2, True, b"20"])
        self.assertEqual(other.get("whole"), b"20")
        self.assertIn(other.ttl("whole"), (99, 100))

    def test_concurrent_read_and_write_loses_no_increment(self):
        self.clients[0].set("sum", 0)
        failures = []

        def add_one(pipeline):
            value = int(pipeline.get("sum"))
            pipeline.multi()
            pipeline.set("sum", value + 1)

        def run(port):
            client = redis.Redis(port=port)
            try:
                for _ in range(INCREMENTS):
                    client.transaction(add_one, "sum")
            except redis.RedisError as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(self.cluster.ports[number % 3],))
                   for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(int(self.clients[1].get("sum")), CLIENTS * INCREMENTS)

    def test_keys_of_one_hash_tag_move_together(self):
        """Clients at different nodes move amounts between accounts: nothing is made or lost."""
        accounts = ["{bank}:" + name for name in "abc"]
        for account in accounts:
            self.clients[0].set(account, 100)
        failures = []

        def run(number):
            client = redis.Redis(port=self.cluster.ports[number % 3])
            source, target = accounts[number % 3], accounts[(number + 1) % 3]

            def move(pipeline):
                left = int(pipeline.get(source)) - 1
                pipeline.multi()
                pipeline.set(source, left)
                pipeline.incr(target)
            try:
                for _ in range(INCREMENTS):
                    client.transaction(move, source, target)
            except redis.RedisError as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        # The fourth client does what the first one does.
        self.assertEqual([int(value) for value in self.clients[1].mget(accounts)],
                         [100 - INCREMENTS, 100 + INCREMENTS, 100])

    def test_a_write_to_any_watched_key_ends_it(self):
        mine, other, _ = self.clients
        mine.mset({"{w}a": "1", "{w}b": "1"})
        with mine.pipeline() as pipeline:
            pipeline.watch("{w}a", "{w}b")
            other.set("{w}b", "2")
            pipeline.multi()
            pipeline.set("{w}a", "mine")
            pipeline.set("{w}c", "mine")
            with self.assertRaises(redis.WatchError):
                pipeline.execute()
        self.assertEqual(other.mget("{w}a", "{w}b", "{w}c"), [b"1", b"2", None])

    def test_keys_of_several_partitions_are_refused_and_change_nothing(self):
        mine, other, _ = self.clients
        mine.mset({"{tag}a": "1", "elsewhere": "1"})
        with mine.pipeline() as pipeline:
            pipeline.watch("{tag}a")
            pipeline.multi()
            pipeline.set("{tag}a", "2")
            pipeline.set("elsewhere", "2")
            with self.assertRaisesRegex(redis.exceptions.ExecAbortError, "one partition"):
                pipeline.execute()
        self.assertEqual(other.mget("{tag}a", "elsewhere"), [b"1", b"1"])

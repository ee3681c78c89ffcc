"""The storage engines behind a whole node: what clients see, and what a restart keeps."""

import pathlib
import tempfile
import unittest

import redis
from harness.cluster import Cluster, redis_cli
from harness.process import Process
from harness.wait import wait_until


class EnginesTest(unittest.TestCase):
    def serve_and_restart(self, directives):
        """One node serves every way to its engine, and again after a stop and after a kill."""
        with Cluster(1, directives) as cluster:
            client = redis.Redis(port=cluster.ports[0])
            values = {f"key-{number}": f"{number}".encode() for number in range(500)}
            values["k" * 3000] = b"of a long key"
            client.mset(values)
            client.set("gone", "1")
            client.delete("gone")
            client.execute_command("DPUT", "versioned", "", "one")
            context = client.execute_command("DPUT", "versioned", "", "two")

            def check():
                client = redis.Redis(port=cluster.ports[0])
                self.assertEqual(client.mget(list(values)), list(values.values()))
                self.assertIsNone(client.get("gone"))
                self.assertEqual(sorted(client.execute_command("DGET", "versioned")[1]),
                                 [b"one", b"two"])
                self.assertEqual(set(client.scan_iter(count=50)),
                                 {key.encode() for key in values} | {b"versioned"})

            check()
            self.assertEqual(cluster.stop(), [0])
            cluster.start()
            check()
            cluster.nodes[0].kill()
            cluster.start()
            check()
            client = redis.Redis(port=cluster.ports[0])
            client.execute_command("DDEL", "versioned", context)
            self.assertEqual(client.execute_command("DGET", "versioned")[1], [b"one"])

    def test_lmdb_serves_and_keeps(self):
        self.serve_and_restart({"storage-engine": "lmdb"})

    def test_lmdb_syncs_where_it_is_asked_to(self):
        with Cluster(1, {"storage-engine": "lmdb", "durability": "async"}) as cluster:
            client = redis.Redis(port=cluster.ports[0])
            client.execute_command("DPUT", "k", "", "v", "DW", 1)
            self.assertEqual(client.execute_command("DGET", "k")[1], [b"v"])

    def with_redis(self):
        """The directives of a node whose data lies in a Redis server of this test."""
        folder = tempfile.TemporaryDirectory(prefix="kindred-redis-")
        self.addCleanup(folder.cleanup)
        socket = pathlib.Path(folder.name) / "socket"
        server = Process("redis", ["redis-server", "--port", 0, "--unixsocket", socket, "--save", "",
                                   "--dir", folder.name], folder.name)
        server.start()
        self.addCleanup(server.kill)
        wait_until(socket.exists, 20, "the Redis server listens")
        return {"storage-engine": "redis", "storage-engine-setting": ("url", f"unix://{socket}")}

    def test_redis_serves_and_keeps(self):
        self.serve_and_restart(self.with_redis())

    def test_redis_promises_no_sync(self):
        with Cluster(3, self.with_redis()) as cluster:
            client = redis.Redis(port=cluster.ports[0])
            with self.assertRaisesRegex(redis.ResponseError, "sync"):
                client.execute_command("DPUT", "k", "", "v", "DW", 1)
            client.execute_command("DPUT", "k", "", "v")
            self.assertIn("storage_durability:async",
                          redis_cli(cluster.ports[0], "INFO", "persistence"))
            for port in cluster.ports:
                answer = redis.Redis(port=port).execute_command("DGET", "k")
                self.assertEqual(answer[1], [b"v"])


if __name__ == "__main__":
    unittest.main()

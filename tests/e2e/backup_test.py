"""RING BACKUP, SAVE and --restore; kindred-transfer."""

import os
import pathlib
import shutil
import subprocess
import unittest

import redis
from harness.cluster import ROOT, Cluster, redis_cli
from harness.process import Process, free_port
from harness.wait import wait_until

DIRECTIVES = {"storage-engine": "rocksdb", "durability": "group"}
KEYS = 3000


def client_of(node):
    return redis.Redis(port=node.port, socket_timeout=30)


def write(client, values):
    pipeline = client.pipeline(transaction=False)
    for key, value in values.items():
        pipeline.set(key, value)
    pipeline.execute()


def read(client, keys):
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.get(key)
    return dict(zip(keys, pipeline.execute()))


class BackupTest(unittest.TestCase):
    def start(self, size, directives=None):
        self.cluster = Cluster(size, {**DIRECTIVES, **(directives or {})})
        self.addCleanup(self.cluster.destroy)
        self.cluster.start()
        return self.cluster.nodes

    def backup(self, node, name):
        reply = client_of(node).execute_command("RING", "BACKUP", name)
        return [{row[i].decode(): row[i + 1].decode() for i in range(0, len(row), 2)}
                for row in reply]

    def test_a_cluster_restored_holds_what_was_acknowledged_before(self):
        nodes = self.start(3)
        before = {f"k{number}": b"before-%d" % number for number in range(KEYS)}
        write(client_of(nodes[0]), before)
        client_of(nodes[1]).execute_command("DPUT", "siblings", "", "one")
        client_of(nodes[1]).execute_command("DPUT", "siblings", "", "two")
        rows = self.backup(nodes[2], "first")
        self.assertEqual([row["result"] for row in rows], ["complete"] * 3)
        after = {f"k{number}": b"after" for number in range(0, KEYS, 2)}
        write(client_of(nodes[0]), after)
        self.assertIn("already", self.backup(nodes[2], "first")[0]["result"])
        places = {row["node"]: row["directory"] for row in rows}
        self.assertEqual(self.cluster.stop(), [0, 0, 0])
        for node in nodes:
            aside = node.folder / "aside"
            shutil.copytree(places[node.name], aside)
            shutil.rmtree(node.data)
            node.command += ["--restore", str(aside)]
        for restart in range(2):
            self.cluster.start()
            for node in nodes:
                wait_until(lambda at=node: redis_cli(at.port, "RING", "TRANSFERS") == "", 30, "whole")
                self.assertEqual(read(client_of(node), list(before)), before)
                self.assertEqual(sorted(client_of(node).execute_command("DGET", "siblings")[1]),
                                 [b"one", b"two"])
            if restart == 0:
                write(client_of(nodes[0]), {"k0": b"since"})
                before["k0"] = b"since"
                self.assertEqual(self.cluster.stop(), [0, 0, 0])

    def test_a_node_restored_from_before_a_keyspace_had_its_own_n(self):
        nodes = self.start(4)
        expected = {f"{name}:{number}": b"before-%d" % number
                    for name in ("cart", "k") for number in range(KEYS // 4)}
        write(client_of(nodes[0]), expected)
        places = {row["node"]: row["directory"] for row in self.backup(nodes[2], "first")}
        client_of(nodes[0]).execute_command("KEYSPACE", "SET", "cart:*", "n", 2)

        def wait_until_whole():
            for node in nodes:
                wait_until(lambda at=node: redis_cli(at.port, "RING", "TRANSFERS") == "", 60, "whole")
        wait_until_whole()
        since = {key: b"since" for key in list(expected)[::3]}
        gone = list(expected)[1::3]
        write(client_of(nodes[1]), since)
        client_of(nodes[1]).delete(*gone)
        expected.update(since)
        expected.update({key: None for key in gone})
        restored = nodes[3]
        self.assertEqual(restored.stop(), 0)
        aside = restored.folder / "aside"
        shutil.copytree(places[restored.name], aside)
        shutil.rmtree(restored.data)
        restored.start(extra=["--restore", str(aside)])
        restored.wait_ready()
        wait_until_whole()
        for node in nodes:
            self.assertEqual(read(client_of(node), list(expected)), expected)
            wait_until(lambda at=node: client_of(at).dbsize() == len(expected) - len(gone), 30,
                       "DBSIZE of what is left")

    def test_one_save_is_kept_and_can_be_restored(self):
        node = self.start(1)[0]
        client = client_of(node)
        started = client.lastsave()
        write(client, {"k": b"first"})
        self.assertTrue(client.save())
        write(client, {"k": b"second"})
        self.assertTrue(client.bgsave())

        def is_saved():
            info = client.info("persistence")
            return info["rdb_saves"] == 2 and info["rdb_bgsave_in_progress"] == 0
        wait_until(is_saved, 30, "the second save")
        info = client.info("persistence")
        self.assertEqual(info["rdb_last_bgsave_status"], "ok")
        self.assertEqual(info["rdb_last_save_time"], int(client.lastsave().timestamp()))
        self.assertGreaterEqual(client.lastsave(), started)
        saves = node.data / "saves"
        wait_until(lambda: len(list(saves.iterdir())) == 1, 10, "the older one to go")
        write(client, {"k": b"since"})
        self.assertEqual(self.cluster.stop(), [0])
        aside = node.folder / "aside"
        shutil.move(next(saves.iterdir()), aside)
        shutil.rmtree(node.data)
        node.command += ["--restore", str(aside)]
        self.cluster.start()
        self.assertEqual(read(client_of(node), ["k"]), {"k": b"second"})

    def test_names_and_engines_that_cannot(self):
        node = self.start(1, {"storage-engine": "memory", "durability": "none"})[0]
        for command in ("SAVE", "BGSAVE"):
            with self.assertRaisesRegex(redis.ResponseError, "'memory' has no checkpoints"):
                client_of(node).execute_command(command)
        self.assertIn("no checkpoints", self.backup(node, "b")[0]["result"])
        for name in ("", "a/b", "..", "x" * 65):
            with self.assertRaisesRegex(redis.ResponseError, "name"):
                self.backup(node, name)

    def test_a_directory_in_use_is_not_restored_into(self):
        node = self.start(1)[0]
        place = self.backup(node, "b")[0]["directory"]
        self.assertEqual(node.stop(), 0)
        node.start(extra=["--restore", place])
        self.assertEqual(node.wait_end(), 1)
        self.assertIn("already", node.log())


class TransferTest(unittest.TestCase):
    PROGRAM = os.environ.get("KINDRED_TRANSFER") or str(ROOT / "build" / "release" / "kindred-transfer")

    def transfer(self, *arguments, stdin=None):
        done = subprocess.run([self.PROGRAM, *arguments], input=stdin, capture_output=True,
                              timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr.decode()

    def setUp(self):
        self.cluster = Cluster(1, {"storage-engine": "memory", "durability": "none"})
        self.addCleanup(self.cluster.destroy)
        self.cluster.start()
        self.kindred = client_of(self.cluster.nodes[0])
        port = free_port()
        folder = pathlib.Path(self.cluster.nodes[0].folder).parent / "redis"
        self.server = Process("redis", ["redis-server", "--port", port, "--save", "", "--bind",
                                        "127.0.0.1"], folder)
        self.server.start()
        self.addCleanup(self.server.kill)
        self.server.wait_for_log("Ready to accept connections", 10)
        self.redis = redis.Redis(port=port)
        self.places = (f"127.0.0.1:{port}", f"127.0.0.1:{self.cluster.nodes[0].port}")

    def test_from_a_running_redis_and_back_as_a_stream(self):
        source, target = self.places
        values = {f"k{number}".encode(): b"\x00\r\n%d" % number for number in range(KEYS)}
        write(self.redis, values)
        self.redis.set("short", "lived", px=3_600_000)
        self.redis.rpush("list", "x")
        code, _, said = self.transfer("copy", source, target)
        self.assertEqual(code, 0, said)
        self.assertIn(f"{KEYS + 1} keys", said)
        self.assertIn("list: not a string", said)
        self.assertEqual(read(self.kindred, list(values)), values)
        self.assertAlmostEqual(self.kindred.pttl("short"), self.redis.pttl("short"), delta=5000)

        code, stream, said = self.transfer("export", target)
        self.assertEqual(code, 0, said)
        for load in (lambda: self.transfer("import", source, stdin=stream),
                     lambda: subprocess.run(["redis-cli", "-p", source.rpartition(":")[2], "--pipe"],
                                            input=stream, check=True, capture_output=True)):
            self.redis.flushall()
            load()
            self.assertEqual(read(self.redis, list(values)), values)
            self.assertGreater(self.redis.pttl("short"), 0)

    def test_what_fails_is_told(self):
        source, target = self.places
        code, _, said = self.transfer("import", target, stdin=b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n")
        self.assertEqual(code, 1)
        self.assertIn("ends within a command", said)
        code, _, said = self.transfer("copy", source, f"127.0.0.1:{free_port()}")
        self.assertEqual(code, 1)
        self.assertIn("can't connect", said)


if __name__ == "__main__":
    unittest.main()

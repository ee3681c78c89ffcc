"""Start, stop, restart, and refusals to start."""

import pathlib
import subprocess
import tempfile
import unittest

import redis
from harness.cluster import ROOT, Cluster, Node, redis_cli, server_program
from harness.process import free_port
from harness.wait import wait_until


def start_and_fail(*arguments):
    """(exit code, output) of a server that should refuse to start."""
    done = subprocess.run([server_program(), *map(str, arguments)], text=True, timeout=20,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


class LifecycleTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kindred-lifecycle-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def configuration(self, text):
        path = self.folder / "node.conf"
        path.write_text(text)
        return path

    def assert_refused(self, arguments, *parts):
        code, output = start_and_fail(*arguments, "--dir", self.folder)
        self.assertEqual(code, 1, output)
        self.assertEqual(len(output.strip().splitlines()), 1, output)
        for part in parts:
            self.assertIn(part, output)

    def test_unknown_directive_is_named_with_its_file_and_line(self):
        path = self.configuration("# A node.\nport 6379\nno-such-directive 1\n")
        self.assert_refused([path], str(path), "3", "no-such-directive")

    def test_malformed_directive_is_named_with_its_file_and_line(self):
        path = self.configuration("port many\n")
        self.assert_refused([path], str(path), "1", "port")

    def test_unknown_flag_is_named(self):
        self.assert_refused(["--no-such-flag", "1"], "no-such-flag")

    def test_unknown_engine_is_named(self):
        code, output = start_and_fail("--storage-engine", "papyrus", "--port", free_port(),
                                      "--peer-port", free_port(), "--dir", self.folder)
        self.assertEqual(code, 1, output)
        self.assertEqual(output.strip(), "directive 'storage-engine': unknown engine 'papyrus'; "
                                         "known: lmdb memory redis rocksdb")

    def test_port_in_use_is_named(self):
        with Cluster(1) as cluster:
            port = cluster.ports[0]
            code, output = start_and_fail("--port", port, "--peer-port", free_port(), "--dir",
                                          self.folder)
            self.assertEqual(code, 1, output)
            self.assertIn(str(port), output)

    def test_the_annotated_configuration_is_taken(self):
        port = free_port()
        node = Node("annotated", self.folder, port, free_port(), [], {})
        self.addCleanup(node.kill)
        node.command.insert(1, str(ROOT / "conf" / "kindred.conf"))
        node.start()
        node.wait_ready()
        self.assertEqual(redis_cli(port, "PING"), "PONG")
        self.assertEqual(node.stop(), 0)

    def test_data_survives_orderly_stop_and_restart(self):
        with Cluster(3) as cluster:
            client = redis.Redis(port=cluster.ports[0])
            values = {f"key-{number}": f"{number}".encode() for number in range(2000)}
            client.mset(values)
            context = client.execute_command("DPUT", "versioned", "", "one")
            client.execute_command("DPUT", "versioned", "", "two")
            identity = redis_cli(cluster.ports[0], "CLUSTER", "MYID")
            for _ in range(2):
                self.assertEqual(cluster.stop(), [0, 0, 0])
                cluster.start()
            client = redis.Redis(port=cluster.ports[1])
            self.assertEqual(client.mget(list(values)), list(values.values()))
            self.assertEqual(sorted(client.execute_command("DGET", "versioned")[1]),
                             [b"one", b"two"])
            client.execute_command("DPUT", "versioned", context, "three")
            self.assertEqual(sorted(client.execute_command("DGET", "versioned")[1]),
                             [b"three", b"two"])
            self.assertEqual(redis_cli(cluster.ports[0], "CLUSTER", "MYID"), identity)

    def test_a_context_names_the_nodes_of_its_versions(self):
        with Cluster(3, {"storage-engine": "memory"}) as cluster:
            clients = [redis.Redis(port=port) for port in cluster.ports]
            for number, client in enumerate(clients):
                client.execute_command("DPUT", "k", "", number)
            context = clients[0].execute_command("DGET", "k")[0]
            for client in clients:
                entries = client.execute_command("DCONTEXT", context)[3]
                names = {dict(zip(entry[::2], entry[1::2]))[b"node"] for entry in entries}
                self.assertTrue(names <= {b"node-1", b"node-2", b"node-3"}, names)
            counted = "siblings_histogram:1=0,2=0,3-4=1,5-8=0,9-16=0,17+=0"
            for port in cluster.ports:
                wait_until(lambda port=port: counted in redis_cli(port, "INFO", "versions"), 10,
                           "every copy counts the key's three siblings")

    def test_errors_name_the_configured_timeout(self):
        with Cluster(3, {"storage-engine": "memory", "request-timeout-ms": 200}) as cluster:
            def told():
                """Before the hanging nodes are believed down, a read waits as long as it may."""
                cluster.settle()
                for node in cluster.nodes[1:]:
                    node.pause()
                answer = redis_cli(cluster.ports[0], "GET", "nothing")
                for node in cluster.nodes[1:]:
                    node.resume()
                return "NOQUORUM read R=2 answered=1 within 200 ms" in answer
            wait_until(told, 60, "a read fails for want of answers")

    def test_memory_engine_serves(self):
        with Cluster(3, {"storage-engine": "memory"}) as cluster:
            self.assertEqual(redis_cli(cluster.ports[0], "SET", "a", "1"), "OK")
            self.assertEqual(redis_cli(cluster.ports[2], "GET", "a"), "1")
            self.assertEqual(cluster.stop(), [0, 0, 0])

"""Redis's own command-line tools against one node and three."""

import pathlib
import subprocess
import unittest

import redis
from harness.cluster import Cluster, redis_cli

WORDS = pathlib.Path("/usr/share/dict/american-english")
WORDS_A_BATCH = 1000
BENCHMARK_TESTS = "get,set,incr,mset,ping"
# A loaded machine may take seconds for what thousands of requests on their way wait for.
PATIENT = {"request-timeout-ms": 10000}


def benchmark(port, *options, requests=20000):
    """Runs redis-benchmark; returns (exit code, output)."""
    done = subprocess.run(["redis-benchmark", "-p", str(port), "-c", "50", "-r", "100000", "-q",
                           "-n", str(requests), *options], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    return done.returncode, done.stdout


def resp(*words):
    """One command as a client sends it."""
    encoded = [word.encode() for word in words]
    return b"".join([b"*%d\r\n" % len(encoded),
                     *(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)])


class ToolsMixin:
    """What holds for any number of nodes."""

    SIZE = 0

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cls.SIZE, PATIENT)
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.start()

    def setUp(self):
        self.cluster.settle()

    def assert_benchmark_clean(self, *options):
        code, output = benchmark(self.cluster.ports[0], *options)
        self.assertEqual(code, 0, output)
        self.assertNotRegex(output, "(?i)error|warning")
        for name in ("GET", "SET", "INCR", "MSET", "PING"):
            self.assertRegex(output, f"{name}.*: [0-9.]+ requests per second")

    def test_benchmark_one_request_at_a_time(self):
        self.assert_benchmark_clean("-t", BENCHMARK_TESTS, "-P", "1")

    def test_benchmark_pipelined(self):
        self.assert_benchmark_clean("-t", BENCHMARK_TESTS, "-P", "16")

    def test_cli_basics(self):
        first, last = self.cluster.ports[0], self.cluster.ports[-1]
        self.assertEqual(redis_cli(first, "PING"), "PONG")
        self.assertEqual(redis_cli(first, "SET", "greeting", "hello"), "OK")
        self.assertEqual(redis_cli(last, "GET", "greeting"), "hello")
        self.assertEqual(redis_cli(last, "INCR", "visits"), "1")
        self.assertEqual(redis_cli(first, "INCR", "visits"), "2")
        self.assertEqual(redis_cli(last, "DEL", "greeting"), "1")
        self.assertEqual(redis_cli(first, "EXISTS", "greeting"), "0")
        self.assertIn("unknown command 'NOSUCH'", redis_cli(first, "NOSUCH"))
        self.assertIn("wrong number of arguments for 'get' command", redis_cli(first, "GET"))

    def test_cli_resp3(self):
        port = self.cluster.ports[0]
        self.assertEqual(redis_cli(port, "-3", "SET", "three", "3"), "OK")
        self.assertEqual(redis_cli(port, "-3", "GET", "three"), "3")

    def test_cli_cluster_check(self):
        port = self.cluster.ports[0]
        report = redis_cli(port, "--cluster", "check", f"127.0.0.1:{port}")
        self.assertIn("[OK] All nodes agree about slots configuration.", report)
        self.assertIn("[OK] All 16384 slots covered.", report)


class OneNodeToolsTest(ToolsMixin, unittest.TestCase):
    SIZE = 1


class ThreeNodesToolsTest(ToolsMixin, unittest.TestCase):
    SIZE = 3

    # redis-benchmark refuses a cluster of one node by itself, so these are not for OneNodeToolsTest.
    def test_benchmark_as_cluster_client(self):
        self.assert_benchmark_clean("-t", BENCHMARK_TESTS, "--cluster", "-P", "1")

    def test_benchmark_as_cluster_client_pipelined(self):
        self.assert_benchmark_clean("-t", BENCHMARK_TESTS, "--cluster", "-P", "16")

    def test_word_list_in_by_one_node_and_out_by_the_others(self):
        words = WORDS.read_text(encoding="utf-8").split()
        self.assertGreater(len(words), 100000)
        commands = b"".join(resp("SET", f"word:{word}", str(number))
                            for number, word in enumerate(words))
        done = subprocess.run(["redis-cli", "-p", str(self.cluster.ports[0]), "--pipe"],
                              input=commands, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(b"errors: 0, replies: %d" % len(words), done.stdout)
        for port in self.cluster.ports[1:]:
            self.assert_words_read(redis.Redis(port=port), words)

    def assert_words_read(self, client, words):
        for start in range(0, len(words), WORDS_A_BATCH):
            batch = words[start:start + WORDS_A_BATCH]
            pipeline = client.pipeline(transaction=False)
            for word in batch:
                pipeline.get(f"word:{word}")
            wanted = [str(number).encode() for number in range(start, start + len(batch))]
            self.assertEqual(pipeline.execute(), wanted)

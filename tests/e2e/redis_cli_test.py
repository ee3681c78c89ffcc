"""What redis-cli does beyond single commands, and redis-benchmark's threads, at three nodes."""

import json
import os
import pty
import subprocess
import termios
import unittest

import redis
from harness.cluster import Cluster, redis_cli
from harness.wait import wait_until

KEYS = 200
BENCHMARK_TESTS = "ping_inline,ping_mbulk,set,get,incr,mset"


class RedisCliTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3, {"request-timeout-ms": 10000})
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.start()
        cls.port = cls.cluster.ports[0]

    def setUp(self):
        client = redis.Redis(port=self.port)
        client.flushall()
        client.mset({f"key:{number}": "v" * (number + 1) for number in range(KEYS)})

    def test_stat_shows_a_line_each_time(self):
        with subprocess.Popen(["redis-cli", "-p", str(self.port), "--stat", "-i", "0.1"], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as child:
            try:
                lines = [child.stdout.readline() for _ in range(5)]
            finally:
                child.kill()
        self.assertIn("data", lines[0])
        self.assertRegex(lines[1], "keys +mem +clients +blocked +requests +connections")
        for line in lines[2:]:
            self.assertRegex(line, r"^\d+ +[\d.]+[BKMG] +\d+ +0 +\d+ \(\+\d+\) +\d+")

    def test_latency_counts_round_trips(self):
        least, most, average, count = redis_cli(self.port, "--raw", "--latency", "-i", "1").split()
        self.assertLessEqual(float(least), float(average))
        self.assertLessEqual(float(average), float(most))
        self.assertGreater(int(count), 10)

    def test_bigkeys_finds_the_longest(self):
        report = redis_cli(self.port, "--bigkeys")
        self.assertIn(f'Biggest string found \'"key:{KEYS - 1}"\' has {KEYS} bytes', report)
        self.assertIn(f"Sampled {KEYS} keys in the keyspace!", report)
        self.assertNotIn("Error", report)

    def test_memkeys_finds_the_heaviest(self):
        report = redis_cli(self.port, "--memkeys")
        self.assertRegex(report, f'Biggest string found \'"key:{KEYS - 1}"\' has [0-9]+ bytes')
        self.assertIn(f"Sampled {KEYS} keys in the keyspace!", report)

    def test_scan_lists_what_matches(self):
        keys = redis_cli(self.port, "--scan", "--pattern", "key:1*").split()
        self.assertEqual(sorted(keys), sorted(f"key:{number}" for number in range(KEYS)
                                              if str(number).startswith("1")))

    def test_json_of_both_protocols(self):
        for flag in ("-2", "-3"):
            self.assertEqual(json.loads(redis_cli(self.port, flag, "--json", "GET", "key:2")), "vvv")
            self.assertIsNone(json.loads(redis_cli(self.port, flag, "--json", "GET", "none")))
        context, values = json.loads(redis_cli(self.port, "--json", "DGET", "key:1"))
        self.assertTrue(context)
        self.assertEqual(values, ["vv"])
        self.assertEqual(json.loads(redis_cli(self.port, "-3", "--json", "CONFIG", "GET",
                                              "maxclients")), {"maxclients": "10000"})

    def test_interactive_hints_know_our_own_commands(self):
        leader, follower = pty.openpty()
        # Without a size redis-cli asks the terminal for its width.
        termios.tcsetwinsize(follower, (40, 200))
        environment = {**os.environ, "TERM": "xterm", "HOME": "/nonexistent"}
        child = subprocess.Popen(["redis-cli", "-p", str(self.port)], stdin=follower,
                                 stdout=follower, stderr=follower, env=environment, close_fds=True)
        os.close(follower)
        try:
            os.set_blocking(leader, False)
            shown = bytearray()
            wait_until(lambda: b"> " in self.read_more(leader, shown), 20, "the prompt shows")
            os.write(leader, b"dput ")
            wait_until(lambda: b"key context value" in self.read_more(leader, shown), 20,
                       "the hint shows")
        finally:
            child.kill()
            child.wait()
            os.close(leader)

    @staticmethod
    def read_more(descriptor, shown):
        try:
            shown += os.read(descriptor, 65536)
        except BlockingIOError:
            pass
        return bytes(shown)

    def benchmark(self, *options):
        done = subprocess.run(["redis-benchmark", "-p", str(self.port), "-t", BENCHMARK_TESTS, "-c",
                               "20", "-n", "5000", "-r", "1000", "-q", *options], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotRegex(done.stdout, "(?i)error|warning")
        self.assertEqual(done.stdout.count("requests per second"), 6, done.stdout)

    def test_benchmark_with_threads(self):
        self.benchmark("--threads", "2")

    def test_benchmark_as_cluster_client_with_threads(self):
        self.benchmark("--cluster", "--threads", "2")

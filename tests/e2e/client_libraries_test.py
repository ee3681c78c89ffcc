"""Client libraries as their users know them, by one small program each (tests/e2e/clients). The page
of clients shows parts of those programs."""

import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import redis
from harness.cluster import ROOT, Cluster

HERE = pathlib.Path(__file__).resolve().parent / "clients"
PAGE = ROOT / "docs" / "clients.md"
NODE_PACKAGES = ROOT / "build" / "node-packages"
STEPS = ["connect", "crud", "pipeline", "transaction", "expiry", "scan", "versions", "lose a node"]
NODE_MAJOR = 20  # what both libraries ask for
TIMEOUT_S = 120


def succeeds(*command):
    return shutil.which(command[0]) and subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, timeout=TIMEOUT_S).returncode == 0


@functools.lru_cache
def missing_node_packages():
    """Why there are no packages of Node.js to test with, or None; fetches them once."""
    if not succeeds("node", "-e", f"process.exit(parseInt(process.versions.node) < {NODE_MAJOR} ? 1 : 0)"):
        return f"no Node.js from {NODE_MAJOR} on"
    NODE_PACKAGES.mkdir(parents=True, exist_ok=True)
    lock = (HERE / "package-lock.json").read_text()
    done = NODE_PACKAGES / "node_modules" / "installed"
    if done.exists() and done.read_text() == lock:
        return None
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, NODE_PACKAGES)
    if not shutil.which("npm"):
        return "no npm to fetch the packages with"
    try:
        fetched = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                                 cwd=NODE_PACKAGES, stdin=subprocess.DEVNULL, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return f"npm did not fetch the packages within {TIMEOUT_S} s"
    if fetched.returncode != 0:
        return "npm can't fetch the packages: " + fetched.stdout.strip()[-300:]
    done.write_text(lock)
    return None


class ClientLibrariesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3)
        cls.addClassCleanup(cls.cluster.destroy)

    def setUp(self):
        self.cluster.start()  # with the node that the test before killed
        redis.Redis(port=self.cluster.ports[0]).flushall()

    def need(self, package, *command):
        if not succeeds(*command):
            self.skipTest(f"{package} is not installed")

    def assert_serves(self, command, mode, protocol):
        """Runs a client's program; in its middle the first node, which it talks to, is killed."""
        environment = {**os.environ, "NODE_PACKAGES": str(NODE_PACKAGES)}
        words = [*command, mode, str(protocol), *map(str, self.cluster.ports)]
        with subprocess.Popen(words, cwd=HERE, env=environment, text=True, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as program:
            try:
                lines = []
                for line in program.stdout:
                    lines.append(line.rstrip("\n"))
                    if lines[-1] == STEPS[-1]:
                        self.cluster.nodes[0].kill()
                        program.stdin.write("go\n")
                        program.stdin.flush()
                code = program.wait(TIMEOUT_S)
            finally:
                program.kill()
        self.assertEqual(code, 0, "\n".join(lines))
        self.assertEqual(lines[:len(STEPS)], STEPS)
        self.assertRegex("\n".join(lines), r"(?m)^survived: \d+ errors, \d+ ms$")
        print(f"{' '.join(command)} {mode} RESP{protocol}: {lines[-1]}", flush=True)

    def test_redis_py(self):
        self.assert_serves([sys.executable, "redis_py.py"], "plain", 2)

    def test_redis_py_as_cluster_client(self):
        self.assert_serves([sys.executable, "redis_py.py"], "cluster", 2)

    def test_ruby(self):
        self.need("ruby-redis", "ruby", "-e", "require 'redis'")
        self.assert_serves(["ruby", "redis_ruby.rb"], "plain", 2)

    def test_ruby_as_cluster_client(self):
        self.need("ruby-redis", "ruby", "-e", "require 'redis'")
        self.assert_serves(["ruby", "redis_ruby.rb"], "cluster", 2)

    def test_php(self):
        self.need("php-redis", "php", "-r", "exit(class_exists('Redis') ? 0 : 1);")
        self.assert_serves(["php", "phpredis.php"], "plain", 2)

    def test_php_as_cluster_client(self):
        self.need("php-redis", "php", "-r", "exit(class_exists('RedisCluster') ? 0 : 1);")
        self.assert_serves(["php", "phpredis.php"], "cluster", 2)

    def test_perl(self):
        self.need("libredis-perl", "perl", "-MRedis", "-e1")
        self.assert_serves(["perl", "redis_perl.pl"], "plain", 2)

    def test_c(self):
        self.need("libhiredis-dev", "pkg-config", "--exists", "hiredis")
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "hiredis"], check=True,
                               text=True, stdout=subprocess.PIPE).stdout.split()
        with tempfile.TemporaryDirectory(prefix="kindred-hiredis-") as folder:
            program = pathlib.Path(folder) / "hiredis"
            subprocess.run(["cc", "-std=c99", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra",
                            "-Werror", "-o", program, HERE / "hiredis.c", *flags], check=True)
            self.assert_serves([str(program)], "plain", 2)

    def assert_node_serves(self, program, mode, protocol):
        missing = missing_node_packages()
        if missing:
            self.skipTest(missing)
        self.assert_serves(["node", program], mode, protocol)

    def test_node_redis(self):
        self.assert_node_serves("node_redis.mjs", "plain", 2)

    def test_node_redis_resp3(self):
        self.assert_node_serves("node_redis.mjs", "plain", 3)

    def test_node_redis_as_cluster_client(self):
        self.assert_node_serves("node_redis.mjs", "cluster", 2)

    def test_node_redis_as_cluster_client_resp3(self):
        self.assert_node_serves("node_redis.mjs", "cluster", 3)

    def test_ioredis(self):
        self.assert_node_serves("ioredis.mjs", "plain", 2)

    def test_ioredis_resp3(self):
        self.assert_node_serves("ioredis.mjs", "plain", 3)

    def test_ioredis_as_cluster_client(self):
        self.assert_node_serves("ioredis.mjs", "cluster", 2)

    def test_ioredis_as_cluster_client_resp3(self):
        self.assert_node_serves("ioredis.mjs", "cluster", 3)


class ClientLibrariesPageTest(unittest.TestCase):
    def test_shows_what_the_programs_run(self):
        shown = re.findall(r"^```\w+\n(.*?)\n```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
        programs = [path for path in sorted(HERE.iterdir()) if path.suffix != ".json"]
        self.assertCountEqual(shown, [self.part_for_the_page(path) for path in programs])

    def part_for_the_page(self, path):
        lines = path.read_text().splitlines()
        first, last = [number for number, line in enumerate(lines)
                       if line.strip("#/* ") in ("snippet", "end of snippet")]
        return "\n".join(lines[first + 1:last]).strip()

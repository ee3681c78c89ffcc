"""The examples, run as their readers would."""

import subprocess
import sys
import unittest

import redis
from harness.cluster import ROOT, Cluster
from harness.wait import wait_until

ROUNDS = 1000
ROUND_OF_THE_KILL = 500


class ExamplesTest(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3)
        self.addCleanup(self.cluster.destroy)
        self.cluster.start()
        self.nodes = ",".join(f"127.0.0.1:{port}" for port in self.cluster.ports)

    def start(self, path, *arguments):
        return subprocess.Popen([sys.executable, ROOT / "examples" / path, "--nodes", self.nodes,
                                 *arguments], text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def test_cart_keeps_every_item_while_a_node_is_killed(self):
        with self.start("cart/cart.py", "--rounds", str(ROUNDS)) as cart:
            lines = []
            for line in cart.stdout:
                lines.append(line.strip())
                if lines[-1] == f"round {ROUND_OF_THE_KILL}":
                    self.cluster.nodes[1].kill()
        self.assertEqual(cart.returncode, 0, "\n".join(lines))
        self.assertFalse(self.cluster.nodes[1].alive())
        self.assertEqual(lines[-1],
                         f"{ROUNDS} rounds, two versions seen in {ROUNDS}, no item lost")

    def test_sessions_from_any_node(self):
        with self.start("sessions/sessions.py") as sessions:
            output = sessions.stdout.read()
        self.assertEqual(sessions.returncode, 0, output)
        self.assertIn("after the end: [None, None, None]", output)
        self.assertEqual(output.count("'user': 'ada', 'basket': ['apples']"), 3)

    def test_sessions_expire(self):
        sys.path.insert(0, str(ROOT / "examples" / "sessions"))
        self.addCleanup(sys.path.pop, 0)
        from sessions import Sessions
        client = redis.Redis(port=self.cluster.ports[0])
        sessions = Sessions(client, ttl_s=60)
        token = sessions.create("grace")
        self.assertIn(client.ttl(f"session:{token}"), (59, 60))
        client.pexpire(f"session:{token}", 1)
        # Not by loading it, which would renew it.
        wait_until(lambda: not client.exists(f"session:{token}"), 5, "the session has ended")
        self.assertIsNone(sessions.load(token))
        self.assertFalse(sessions.save(token, {}))
        self.assertFalse(sessions.end(token))

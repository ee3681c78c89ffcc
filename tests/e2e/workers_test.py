"""Many workers a node, many kinds of requests at once: what the thread sanitizer is to see.

The gate runs this on the release build as well, for the same order of things at full speed. What
counts is that no node ends before it is told to, and that all then end in order. On a busy machine
a sanitized node may be too slow for its neighbours, so errors of quorums are no failure here.
"""

import re
import threading
import unittest

import redis
from harness.cluster import Cluster
from harness.wait import wait_until
from redis_tools_test import benchmark

WORKERS = 3
LOADS = (  # options of one redis-benchmark each, all at the same time
    ("-t", "set,get,incr,mset", "-P", "16"),
    ("-t", "set,get,incr", "-P", "1"),
)
REQUESTS_A_COMMAND = 4000
TOO_SLOW = re.compile("NOQUORUM|NOREPLICAS|TRYAGAIN|NOMAJORITY")
PATIENT = {"workers": WORKERS, "storage-engine": "memory", "request-timeout-ms": 30000}


class Operator(threading.Thread):
    """Asks one node for everything that concerns all workers, over and over until told to end."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self._client = redis.Redis(port=port, socket_timeout=60)
        self._end = threading.Event()
        self.rounds = 0
        self.error = None

    def run(self):
        try:
            while not self._end.is_set():
                try:
                    self.one_round()
                except redis.ResponseError as error:
                    if not TOO_SLOW.search(str(error)):
                        raise
                self.rounds += 1
        except redis.RedisError as error:
            self.error = error

    def one_round(self):
        client = self._client
        client.info("everything")
        client.client_list()
        client.dbsize()
        client.config_set("maxclients", 1000 + self.rounds % 10)
        list(client.scan_iter(count=1000))
        client.execute_command("CLUSTER", "SHARDS")
        context = client.execute_command("DPUT", "operator", "", "a")
        client.execute_command("DPUT", "operator", context, "b")
        client.execute_command("DDEL", "operator", client.execute_command("DGET", "operator")[0])
        client.pipeline(transaction=True).set("operated", "1").incr("operated").execute()
        if self.rounds % 5 == 4:
            client.flushall()
        # A connection a round, so that they come and go at every worker.
        client.connection_pool.disconnect()

    def finish(self):
        self._end.set()
        self.join(120)


class WorkersTest(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(3, PATIENT)
        self.addCleanup(self.cluster.destroy)
        self.cluster.start()

    def assert_stop_in_order(self):
        for node in self.cluster.nodes:
            self.assertEqual(node.stop(), 0, node.log()[-6000:])

    def assert_served(self, code, output):
        self.assertTrue(code == 0 or TOO_SLOW.search(output), output)

    def assert_alive(self):
        for node in self.cluster.nodes:
            self.assertTrue(node.alive(), node.log()[-6000:])

    def test_loads_and_an_operator_at_once(self):
        outcomes = []
        operators = [Operator(port) for port in self.cluster.ports[:2]]
        loads = [threading.Thread(target=lambda port=port, options=options: outcomes.append(
                     benchmark(port, *options, requests=REQUESTS_A_COMMAND)))
                 for port in self.cluster.ports for options in LOADS]
        for thread in operators + loads:
            thread.start()
        for load in loads:
            load.join()
        for operator in operators:
            operator.finish()
        self.assert_alive()
        for operator in operators:
            self.assertIsNone(operator.error)
            self.assertGreater(operator.rounds, 0)
        self.assertEqual(len(outcomes), len(loads))
        for code, output in outcomes:
            self.assert_served(code, output)
        self.assert_stop_in_order()

    def test_a_node_dies_and_comes_back_under_load(self):
        first = redis.Redis(port=self.cluster.ports[0], socket_timeout=60)
        victim = self.cluster.nodes[2]
        for round_number in range(2):
            victim.kill()
            key = f"while-away-{round_number}"
            wait_until(lambda: written(first, key), 60, "two of three nodes take a write")
            victim.start()
            code, output = benchmark(self.cluster.ports[1], "-t", "set,get", "-P", "4",
                                     requests=REQUESTS_A_COMMAND)
            self.assert_served(code, output)
            victim.wait_ready()
            self.cluster.settle()
            back = redis.Redis(port=victim.port, socket_timeout=60)
            wait_until(lambda: read(back, key) == b"1", 60, "the node that is back reads it")
        self.assert_alive()
        self.assert_stop_in_order()


def written(client, key):
    try:
        return client.set(key, "1")
    except redis.RedisError:
        return False


def read(client, key):
    try:
        return client.get(key)
    except redis.RedisError:
        return None

"""RING as operators use it: redis-cli and Python's redis client on a running cluster."""

import unittest

import redis
from harness.cluster import Cluster, redis_cli
from harness.wait import wait_until

NODES = 3
PARTITIONS = 256


def maps(reply):
    """An array of maps as RESP2 gives it, as dicts."""
    return [dict(zip(fields[::2], fields[1::2])) for fields in reply]


class RingQuestionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(NODES, {"storage-engine": "memory", "workers": 2})
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.start()

    def setUp(self):
        self.client = redis.Redis(port=self.cluster.ports[0], decode_responses=True)
        self.addCleanup(self.client.close)

    def ring(self, *words):
        return maps(self.client.execute_command("RING", *words))

    def test_status_names_epoch_quorums_and_members(self):
        (status,) = self.ring("STATUS")
        self.assertEqual(status["partitions"], PARTITIONS)
        self.assertEqual((status["replicas"], status["read_quorum"], status["write_quorum"]),
                         (3, 2, 2))
        self.assertGreaterEqual(status["epoch"], 1)
        self.assertEqual(status["pending_transfers"], 0)
        members = maps(status["members"])
        self.assertEqual([member["state"] for member in members], ["up"] * NODES)
        self.assertEqual(sum(member["partitions"] for member in members), 3 * PARTITIONS)

    def test_every_node_tells_the_same_owners(self):
        told = [redis_cli(port, "RING", "OWNERS") for port in self.cluster.ports]
        self.assertEqual(len(set(told)), 1)
        owners = self.ring("OWNERS")
        self.assertEqual(len(owners), PARTITIONS)
        self.assertEqual((owners[0]["first_slot"], owners[-1]["last_slot"]), (0, 16383))
        for owner in owners:
            self.assertEqual(len(set(owner["nodes"])), 3)

    def test_a_keys_preference_list_is_its_partitions(self):
        slot = self.client.execute_command("CLUSTER", "KEYSLOT", "some-key")
        owners = self.ring("OWNERS")[slot * PARTITIONS // 16384]["nodes"]
        listed = self.ring("PREFLIST", "some-key")
        self.assertEqual([entry["node"] for entry in listed], owners)
        self.assertEqual({entry["role"] for entry in listed}, {"primary"})

    def test_resp3_has_the_same_fields(self):
        with redis.Redis(port=self.cluster.ports[0], decode_responses=True) as resp3:
            connection = resp3.connection_pool.get_connection("HELLO")
            try:
                connection.send_command("RING", "MEMBERS")
                flat = maps(connection.read_response())
            finally:
                resp3.connection_pool.release(connection)
        text = redis_cli(self.cluster.ports[0], "-3", "--no-raw", "RING", "MEMBERS")
        for field in flat[0]:
            self.assertIn(f'"{field}" => ', text)

    def test_nothing_on_its_way_is_empty(self):
        self.assertEqual(self.ring("TRANSFERS"), [])
        self.assertEqual(self.ring("HINTS"), [])

    def test_a_dead_member_is_shown_as_down(self):
        with Cluster(3, {"storage-engine": "memory"}) as cluster:
            cluster.nodes[2].kill()

            def states():
                with redis.Redis(port=cluster.ports[0], decode_responses=True) as client:
                    return [member["state"] for member in
                            maps(client.execute_command("RING", "MEMBERS"))]

            wait_until(lambda: sorted(states()) == ["down", "up", "up"], 30, "one is down")


if __name__ == "__main__":
    unittest.main()

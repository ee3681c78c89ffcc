"""Who is up, as CLUSTER SLOTS and INFO of real nodes tell it: within a second of a death or a
return, within three of a hang; and a pause of one's own blames nobody."""

import unittest

import redis
from harness.cluster import Cluster
from harness.wait import wait_until

DEATH_SEEN_S = 1
HANG_SEEN_S = 3
OWN_PAUSE_S = 6  # longer than links stand still before they are given up


class LivenessTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(5, {"storage-engine": "memory", "ring-partitions": "32"})
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.start()
        cls.clients = [redis.Redis(port=port, socket_timeout=5, decode_responses=True)
                       for port in cls.cluster.ports]

    def setUp(self):
        for node in self.cluster.nodes:
            if node.alive():
                node.resume()
        self.cluster.start()

    def shown_by(self, observer, subject):
        """Whether CLUSTER SLOTS at one node names the other."""
        slots = self.clients[observer].execute_command("CLUSTER SLOTS")
        return self.cluster.ports[subject] in {first[1] for _, _, first in slots}

    def wait_shown(self, subject, is_shown, seconds, what):
        others = [number for number in range(5) if number != subject]
        wait_until(lambda: all(self.shown_by(observer, subject) == is_shown
                               for observer in others), seconds, what)

    def members(self, observer):
        reply = self.clients[observer].execute_command("RING MEMBERS")
        rows = [dict(zip(row[::2], row[1::2])) for row in reply]
        return {row["node"]: row for row in rows}

    def test_a_death_and_a_return_are_seen_within_a_second(self):
        self.cluster.nodes[4].kill()
        self.wait_shown(4, False, DEATH_SEEN_S, "all take the dead node out")
        self.cluster.nodes[4].start()
        self.cluster.nodes[4].wait_ready()
        self.wait_shown(4, True, DEATH_SEEN_S, "all show the node that is back")
        self.cluster.settle()

    def test_a_hang_is_seen_within_three_seconds_and_its_pause_blames_nobody(self):
        hung = self.cluster.nodes[3]
        hung.pause()
        self.wait_shown(3, False, HANG_SEEN_S, "all take the hung node out")
        row = self.members(0)["node-4"]
        self.assertEqual(row["state"], "down")
        self.assertIn(row["gossip"], ("suspect", "dead"))
        wait_until(lambda: int(self.members(0)["node-4"]["answered_ms_ago"]) > OWN_PAUSE_S * 1000,
                   2 * OWN_PAUSE_S, "the pause has lasted long")
        before = hung.log()
        hung.resume()
        self.wait_shown(3, True, HANG_SEEN_S, "all show the node that runs again")
        self.cluster.settle()
        said = hung.log()[len(before):]
        self.assertNotIn("stopped answering", said)
        self.assertNotIn("answers nobody", said)
        wait_until(lambda: self.members(0)["node-4"]["gossip"] == "alive", 10,
                   "the accusation is refuted")
        self.assertGreater(int(self.members(0)["node-4"]["incarnation"]), 1)

    def test_gossip_is_counted_and_can_be_cleared(self):
        for client in self.clients:
            self.assertEqual(client.execute_command("RING CLEAR GOSSIP"), "OK")
        info = self.clients[0].info("kindred")
        self.assertEqual(info["members_up"], 5)
        self.assertGreater(info["gossip_bytes_sent"], 0)
        self.assertGreater(info["gossip_bytes_received"], 0)
        wait_until(lambda: self.clients[0].info("kindred")["gossip_messages_sent"]
                   > info["gossip_messages_sent"], 5, "nodes go on asking each other")
        wait_until(lambda: all(row["gossip"] == "alive" for row in self.members(0).values()), 10,
                   "the words are back")
        self.assertEqual(self.clients[0].info("kindred")["members_up"], 5)
        with self.assertRaises(redis.ResponseError):
            self.clients[0].execute_command("RING CLEAR NONSENSE")


if __name__ == "__main__":
    unittest.main()

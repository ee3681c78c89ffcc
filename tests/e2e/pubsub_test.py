"""Messages between clients of different nodes, by python3-redis and redis-cli."""

import subprocess
import unittest

import redis
from harness.cluster import Cluster, redis_cli
from harness.wait import wait_until


class PubsubTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3, {"workers": 2})
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.start()
        cls.clients = [redis.Redis(port=port) for port in cls.cluster.ports]

    @staticmethod
    def next_message(listener):
        return wait_until(lambda: listener.get_message(ignore_subscribe_messages=True), 10,
                          "a message arrives")

    def listen(self, client, *channels, patterns=()):
        listener = client.pubsub()
        self.addCleanup(listener.close)
        if channels:
            listener.subscribe(*channels)
        if patterns:
            listener.psubscribe(*patterns)
        for _ in [*channels, *patterns]:
            wait_until(listener.get_message, 10, "the subscription is confirmed")
        return listener

    def test_a_message_reaches_listeners_at_every_node_once(self):
        listeners = [self.listen(client, "news", patterns=["n*"]) for client in self.clients]
        told = self.clients[1].publish("news", "hello")
        self.assertEqual(told, 2)  # of its own node
        for listener in listeners:
            found = [self.next_message(listener) for _ in range(2)]
            self.assertEqual(sorted((message["type"], message["channel"], message["data"])
                                    for message in found),
                             [("message", b"news", b"hello"), ("pmessage", b"news", b"hello")])
        self.clients[0].publish("news", "end")
        for listener in listeners:
            self.assertEqual(self.next_message(listener)["data"], b"end")

    def test_messages_of_one_publisher_keep_their_order(self):
        listener = self.listen(self.clients[2], "numbers")
        pipeline = self.clients[0].pipeline(transaction=False)
        for number in range(500):
            pipeline.publish("numbers", number)
        pipeline.execute()
        received = [int(self.next_message(listener)["data"]) for _ in range(500)]
        self.assertEqual(received, list(range(500)))

    def test_info_counts_what_this_nodes_clients_listen_to(self):
        def counts(client):
            told = client.info("stats")
            return told["pubsub_channels"], told["pubsub_patterns"]

        wait_until(lambda: [counts(client) for client in self.clients[:2]] == [(0, 0)] * 2, 10,
                   "clients that listened before are gone")
        for _ in range(3):  # of several workers, which know the same channels
            self.listen(self.clients[0], "counted:1", "counted:2", patterns=["counted:*"])
        self.assertEqual(counts(self.clients[0]), (2, 1))
        self.assertEqual(counts(self.clients[1]), (0, 0))

    def test_large_messages_arrive_whole(self):
        listener = self.listen(self.clients[2], "large")
        message = bytes(range(256)) * 4096
        self.clients[0].publish("large", message)
        self.assertEqual(self.next_message(listener)["data"], message)

    def test_who_unsubscribed_hears_nothing_more(self):
        listener = self.listen(self.clients[0], "on", "off")
        listener.unsubscribe("off")
        wait_until(listener.get_message, 10, "the end of the subscription is confirmed")
        self.clients[1].publish("off", "unheard")
        self.clients[1].publish("on", "heard")
        self.assertEqual(self.next_message(listener)["data"], b"heard")

    def test_pubsub_tells_of_this_node(self):
        self.listen(self.clients[0], "told")
        self.assertIn(b"told", self.clients[0].pubsub_channels())
        self.assertEqual(self.clients[0].pubsub_numsub("told"), [(b"told", 1)])
        self.assertEqual(self.clients[1].pubsub_numsub("told"), [(b"told", 0)])

    def test_monitor_shows_what_the_node_takes(self):
        port = self.cluster.ports[0]
        with subprocess.Popen(["redis-cli", "-p", str(port), "MONITOR"], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as monitor:
            try:
                self.assertEqual(monitor.stdout.readline(), "OK\n")
                redis_cli(port, "SET", "watched", "by monitor")
                self.assertRegex(monitor.stdout.readline(),
                                 r'^\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "SET" "watched" '
                                 r'"by monitor"\n$')
            finally:
                monitor.kill()

"""Limits on clients, by plain sockets: those of Redis's names do what they do there."""

import contextlib
import pathlib
import socket
import unittest

import redis
from harness.cluster import Cluster
from harness.wait import wait_until

BURST = 600
ESTABLISHED, NO_TIMER, KEEPALIVE_TIMER = "01", "00", "02"


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.settimeout(20)
    return connection


def answer_and_end(connection):
    """All that the other side says until it closes."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            said += chunk
    return said


def keepalive_ticks(port):
    """For each silent connection to that port the time until the system asks whether its client is
    there, in hundredths of a second; None where it never asks."""
    found = []
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].split(":")[1], 16) == port and fields[3] == ESTABLISHED:
            timer, left = fields[5].split(":")
            if timer in (NO_TIMER, KEEPALIVE_TIMER):  # else something is under way
                found.append(int(left, 16) if timer == KEEPALIVE_TIMER else None)
    return found


class LimitsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(1, {"storage-engine": "memory", "workers": 2})
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.start()
        cls.port = cls.cluster.ports[0]
        cls.client = redis.Redis(port=cls.port)

    def set(self, name, value):
        before = self.client.config_get(name)[name]
        self.client.config_set(name, value)
        self.addCleanup(self.client.config_set, name, before)

    def clients(self):
        return self.client.info("clients")["connected_clients"]

    def test_one_client_too_many_is_told_so(self):
        wait_until(lambda: self.clients() == 1, 20, "others are gone")
        self.set("maxclients", 3)
        rejected = self.client.info("stats")["rejected_connections"]
        with connect(self.port) as second, connect(self.port), connect(self.port) as fourth:
            self.assertEqual(answer_and_end(fourth), b"-ERR max number of clients reached\r\n")
            self.assertEqual(self.client.info("stats")["rejected_connections"], rejected + 1)
            second.close()
            wait_until(lambda: self.clients() == 2, 20, "there is room")
            with connect(self.port) as fifth:
                fifth.sendall(b"PING\r\n")
                self.assertEqual(fifth.recv(100), b"+PONG\r\n")

    def test_an_unfinished_request_that_grows_too_large_ends_its_connection(self):
        self.set("client-query-buffer-limit", "1mb")
        with connect(self.port) as sender:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                sender.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10000000\r\n" + b"x" * (8 << 20))
            self.assertEqual(answer_and_end(sender), b"")
        self.assertIsNone(self.client.get("k"))

    def test_values_that_are_too_long_are_refused_by_their_declared_length(self):
        self.set("proto-max-bulk-len", "1mb")
        with connect(self.port) as sender:
            sender.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2000000\r\n")
            self.assertEqual(answer_and_end(sender),
                             b"-ERR Protocol error: invalid bulk length\r\n")

    def test_inline_requests_are_short(self):
        with connect(self.port) as sender:
            sender.sendall(b"x" * (65 << 10))
            self.assertEqual(answer_and_end(sender),
                             b"-ERR Protocol error: too big inline request\r\n")

    def test_whoever_is_silent_for_too_long_is_let_go_but_for_listeners(self):
        self.client.set("large", b"x" * (8 << 20))
        self.set("timeout", 1)
        with connect(self.port) as idle, connect(self.port) as listener, \
                connect(self.port) as reader:
            listener.sendall(b"SUBSCRIBE news\r\n")
            reader.sendall(b"GET large\r\n" * 4)
            self.assertEqual(answer_and_end(idle), b"")
            wait_until(lambda: self.clients() <= 2, 20, "who takes nothing is let go too")
            self.client.publish("news", "still there")
            stream = listener.makefile("rb")
            while stream.readline() != b"still there\r\n":
                pass

    def test_a_burst_of_connections_is_taken(self):
        with contextlib.ExitStack() as stack:
            burst = [stack.enter_context(connect(self.port)) for _ in range(BURST)]
            for connection in burst:
                connection.sendall(b"PING\r\n")
            for connection in burst:
                self.assertEqual(connection.recv(100), b"+PONG\r\n")
            self.assertGreaterEqual(self.clients(), BURST + 1)

    def test_the_system_asks_silent_clients_whether_they_are_there(self):
        wait_until(lambda: self.clients() == 1, 20, "others are gone")
        with connect(self.port):
            wait_until(lambda: len(keepalive_ticks(self.port)) == 2
                       and None not in keepalive_ticks(self.port), 20, "both have the timer")
            self.assertGreater(max(keepalive_ticks(self.port)), 20_000)
            self.set("tcp-keepalive", 0)
            with connect(self.port) as another:
                another.sendall(b"PING\r\n")
                self.assertEqual(another.recv(100), b"+PONG\r\n")
                wait_until(lambda: sorted(ticks is None for ticks in keepalive_ticks(self.port))
                           == [False, False, True], 20, "the new connection has none")

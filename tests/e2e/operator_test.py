"""What concerns a whole node or cluster, asked of one connection: clients of all workers, DBSIZE."""

import re
import socket
import threading
import time
import unittest

import redis
from harness.cluster import Cluster
from harness.wait import wait_until

DIRECTIVES = {"workers": 3, "storage-engine": "memory"}
VALUE_BYTES = 1 << 20
UNREAD_REPLIES = 40
CONNECTIONS = 9  # some at each worker


def connect(port):
    """A connection of its own, however many others there are."""
    return redis.Redis(port=port, socket_timeout=30, single_connection_client=True)


class ClientsTest(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(1, DIRECTIVES)
        self.addCleanup(self.cluster.destroy)
        self.cluster.start()
        self.port = self.cluster.ports[0]
        self.client = connect(self.port)
        self.addCleanup(self.client.close)

    def test_lists_and_ends_the_clients_of_every_worker(self):
        others = [connect(self.port) for _ in range(CONNECTIONS)]
        for number, other in enumerate(others):
            self.addCleanup(other.close)
            other.client_setname(f"other-{number}")
        listed = self.client.client_list()
        ids = [int(entry["id"]) for entry in listed]
        self.assertEqual(ids, sorted(ids))
        names = {entry["name"]: entry["id"] for entry in listed}
        self.assertLessEqual({f"other-{number}" for number in range(CONNECTIONS)}, set(names))
        for number in range(CONNECTIONS):
            killed = self.client.execute_command("CLIENT", "KILL", "ID", names[f"other-{number}"])
            self.assertEqual(killed, 1)
        wait_until(lambda: len(self.client.client_list()) == 1, 30, "the others are gone")

    def test_a_client_may_end_itself(self):
        own = connect(self.port)
        own_id = own.client_id()
        self.assertEqual(own.execute_command("CLIENT", "KILL", "ID", own_id, "SKIPME", "no"), 1)
        wait_until(lambda: own_id not in [int(entry["id"]) for entry in self.client.client_list()],
                   30, "it is gone")

    def test_statistics_begin_anew_at_every_worker(self):
        for _ in range(CONNECTIONS):
            other = connect(self.port)
            other.set("k", "v")
            other.close()
        self.assertEqual(self.client.info("commandstats")["cmdstat_set"]["calls"], CONNECTIONS)
        self.client.config_resetstat()
        self.assertNotIn("cmdstat_set", self.client.info("commandstats"))

    def test_a_killed_client_that_never_reads_gives_its_memory_back(self):
        self.client.set("big", b"x" * VALUE_BYTES)
        before = self.client.info("memory")["used_memory"]
        with socket.create_connection(("127.0.0.1", self.port)) as silent:
            silent.sendall(b"CLIENT SETNAME silent\r\n" + b"GET big\r\n" * UNREAD_REPLIES)

            def entry():
                return next((client for client in self.client.client_list()
                             if client["name"] == "silent"), None)

            found = wait_until(lambda: entry() and int(entry()["obl"]) > 0 and entry(), 30,
                               "its replies pile up")
            self.assertEqual(self.client.execute_command("CLIENT", "KILL", "ID", found["id"]), 1)
            wait_until(lambda: entry() is None, 30, "it is closed though it reads nothing")
            wait_until(lambda: self.client.info("memory")["used_memory"] < before + VALUE_BYTES,
                       30, "its memory is free again")


class KeyCountTest(unittest.TestCase):
    KEYS = 300

    def setUp(self):
        # Each write waits for all three copies: whichever node is asked has counted it.
        self.cluster = Cluster(3, {"storage-engine": "memory", "workers": 2, "write-quorum": 3})
        self.addCleanup(self.cluster.destroy)
        self.cluster.start()
        self.client = connect(self.cluster.ports[0])
        self.addCleanup(self.client.close)
        for number in range(self.KEYS):
            self.client.set(f"key-{number}", "v")

    def test_a_silent_node_leaves_no_keys_out(self):
        silent = self.cluster.nodes[2]
        silent.pause()
        try:
            started = time.monotonic()
            self.assertEqual(self.client.dbsize(), self.KEYS)
            self.assertLess(time.monotonic() - started, 1.25)
        finally:
            silent.resume()

    def test_without_anybody_who_knows_it_is_an_error(self):
        lone = Cluster(2, {"storage-engine": "memory", "replicas": 1, "read-quorum": 1,
                           "write-quorum": 1})
        self.addCleanup(lone.destroy)
        lone.start()
        with connect(lone.ports[0]) as client:
            lone.nodes[1].kill()

            def error():
                try:
                    client.dbsize()
                except redis.ResponseError as caught:
                    return str(caught)
                return None

            text = wait_until(error, 30, "DBSIZE says that it can't know")
            self.assertTrue(re.match("NOREPLICAS|NOQUORUM", text), text)


class FlushTest(unittest.TestCase):
    def test_beside_writes_the_count_stays_right(self):
        with Cluster(3, {"storage-engine": "memory", "workers": 2}) as cluster:
            stop = threading.Event()
            written = [0, 0]

            def write(which):
                with connect(cluster.ports[which]) as client:
                    while not stop.is_set():
                        client.set(f"{which}-{written[which] % 2000}", "v")
                        written[which] += 1

            writers = [threading.Thread(target=write, args=(which,)) for which in range(2)]
            for writer in writers:
                writer.start()
            with connect(cluster.ports[2]) as client:
                for target in (1500, 3000, 4500):
                    wait_until(lambda enough=target: min(written) > enough, 60, "writers go on")
                    self.assertTrue(client.flushall())
                stop.set()
                for writer in writers:
                    writer.join()
                keys = len(client.keys("*"))
                self.assertGreater(keys, 0)
                for port in cluster.ports:
                    with connect(port) as asked:
                        wait_until(lambda node=asked: node.dbsize() == keys, 30,
                                   f"DBSIZE is {keys}, as many as KEYS finds")


if __name__ == "__main__":
    unittest.main()

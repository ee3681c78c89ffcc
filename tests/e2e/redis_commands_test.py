"""The same commands at three nodes, each at another one in turn, and at Debian's redis-server: equal
answers, by python3-redis."""

import unittest

import redis
from harness.cluster import Cluster, redis_cli
from harness.process import Process, free_port

BITS = """
SETBIT bits 7 1
SETBIT bits 100 1
GETBIT bits 100
GETBIT bits 99
BITCOUNT bits
BITCOUNT bits 0 7 BIT
BITPOS bits 1 1
BITFIELD bits INCRBY i5 200 1 GET u4 0 OVERFLOW FAIL INCRBY u2 202 3
BITFIELD bits OVERFLOW SAT SET u8 #3 300 INCRBY u8 #3 1
BITFIELD_RO bits GET u8 #3
SET one abc
SET two zz
BITOP XOR mixed one two
GET mixed
BITOP NOT mixed mixed
BITCOUNT mixed
SETBIT bits 4294967296 1
"""

KEYS = """
SET a 1
RENAME a b
GET a
GET b
RENAME a b
SET t 5 PX 100000
RENAMENX t b
RENAMENX t u
TYPE u
COPY u b
COPY u b REPLACE
GET b
MSETNX x 1 y 2 z 3
MSETNX z 4 zz 5
EXISTS x y z zz
OBJECT ENCODING x
SET l1 ohmytext
SET l2 mynewtext
LCS l1 l2
LCS l1 l2 IDX
SETRANGE far 10 end
STRLEN far
EXPIRE far 100 GT
EXPIRE far 100 LT
EXPIRE far 50 NX
PERSIST far
EXPIRETIME far
FUNCTION FLUSH
"""


class OracleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(3)
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.start()
        port = free_port()
        cls.oracle = Process("redis", ["redis-server", "--port", port, "--bind", "127.0.0.1",
                                       "--save", ""], cls.cluster.nodes[0].folder / "redis")
        cls.oracle.start()
        cls.addClassCleanup(cls.oracle.kill)
        cls.oracle.wait_for_log("Ready to accept connections", 30)
        cls.theirs = redis.Redis(port=port)
        cls.clients = [redis.Redis(port=port) for port in cls.cluster.ports]

    def setUp(self):
        self.clients[0].flushall()
        self.theirs.flushall()

    @staticmethod
    def answer(client, words):
        """What a command answers, as RESP2 has it."""
        connection = client.connection_pool.get_connection(words[0])
        try:
            connection.send_command(*words)
            return connection.read_response()
        except redis.ResponseError as error:
            return str(error)
        finally:
            client.connection_pool.release(connection)

    def compare(self, script):
        for number, line in enumerate(script.strip().splitlines()):
            client = self.clients[number % len(self.clients)]
            self.assertEqual(self.answer(client, line.split()),
                             self.answer(self.theirs, line.split()), line)

    def test_bitmaps(self):
        self.compare(BITS)

    def test_keys(self):
        self.compare(KEYS)

    def test_dump_at_one_node_and_restore_at_another(self):
        first, second, third = self.clients
        first.set("from", b"\x00some\xffbytes")
        payload = first.dump("from")
        self.assertTrue(second.restore("to", 60000, payload))
        self.assertEqual(third.get("to"), b"\x00some\xffbytes")
        self.assertIn(third.ttl("to"), (59, 60))
        with self.assertRaisesRegex(redis.ResponseError, "BUSYKEY"):
            third.restore("to", 0, payload)
        with self.assertRaisesRegex(redis.ResponseError, "DUMP payload version or checksum"):
            third.restore("to", 0, self.theirs_dump(), replace=True)

    def theirs_dump(self):
        self.theirs.set("from", "value")
        return self.theirs.dump("from")

    def test_types_that_are_not_there_yet_say_so(self):
        port = self.cluster.ports[0]
        for words, what in ((("RPUSH", "l", "1"), "lists"), (("HSET", "h", "f", "v"), "hashes"),
                            (("XADD", "s", "*", "f", "v"), "streams"),
                            (("EVAL", "return 1", "0"), "scripts and functions")):
            self.assertIn(f"unknown command '{words[0]}': {what} are not there yet",
                          redis_cli(port, *words))

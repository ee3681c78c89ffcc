"""Strangers on the peer port, and somebody in the middle of members' links, who tampers with them.

One member announces the port of a relay in place of its own, so that every link to it goes through
the relay: past the proofs at its start, a link is attacked from within. Strangers send every member random
bytes, what they heard, and what the relay has recorded of members."""

import asyncio
import random
import threading

from harness.cluster import Cluster, redis_cli
from harness.memory import resident_bytes
from harness.process import free_port
from harness.wait import wait_until

SECRET = "a long secret of the nodes of this cluster"
MEMBERS = 3
HEADER_BYTES = 48
LENGTH_AT = 20
TAG_BYTES = 16
HANDSHAKE_FRAMES = 1  # of those who dial: the answer to the challenge, without a tag
RECORDED_BYTES_MAX = 1 << 16
GROWTH_BYTES_MAX = 16 << 20
SECONDS_BETWEEN_TAMPERINGS = 0.5
SETTLE_S = 60
TAMPERINGS = ("twice", "bit", "left out", "swapped", "of another link", "forged")


class Relay:
    """Passes links on to a member and tampers with what its peers send, when it is told to."""

    def __init__(self, port, target):
        self._port = port
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._chance = random.Random(3)
        self._recorded_frame = b""
        self._next = None
        self._tasks = set()
        self.recorded = b""  # what a member sent at the start of a link
        self.tampered = 0
        self.links_ended = 0  # after a tampered frame
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,))
        self._thread.start()
        started.wait()

    def _run(self, started):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._pass_on, "127.0.0.1", self._port))
        started.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
            self._loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        self._loop.close()

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def tamper(self, how):
        """The next frame of any link is treated so."""
        self._next = how

    async def _pass_on(self, reader, writer):
        target_writer = None
        tampered_before = self.tampered
        try:
            target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target)
            done, rest = await asyncio.wait(
                [asyncio.ensure_future(self._copy(target_reader, writer)),
                 asyncio.ensure_future(self._frames(reader, target_writer))],
                return_when=asyncio.FIRST_COMPLETED)
            for task in rest:
                task.cancel()
            await asyncio.gather(*done, *rest, return_exceptions=True)
        except OSError:
            pass
        finally:
            self.links_ended += self.tampered > tampered_before
            writer.transport.abort()
            if target_writer is not None:
                target_writer.transport.abort()

    @staticmethod
    async def _copy(reader, writer):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()

    async def _frames(self, reader, writer):
        kept = b""
        number = 0
        recorded = b""
        while True:
            header = await reader.readexactly(HEADER_BYTES)
            length = int.from_bytes(header[LENGTH_AT:LENGTH_AT + 4], "little")
            length += TAG_BYTES if number >= HANDSHAKE_FRAMES else 0
            frame = header + await reader.readexactly(length)
            if len(recorded) < RECORDED_BYTES_MAX:
                recorded += frame
                self.recorded = max(self.recorded, recorded, key=len)
            if number >= HANDSHAKE_FRAMES and self._next is not None:
                how, self._next = self._next, None
                if how == "swapped":
                    kept = frame
                    number += 1
                    continue
                self.tampered += 1
                frame = self._tampered(frame, how)
            elif kept:
                frame, kept = frame + kept, b""
                self.tampered += 1
            elif number >= HANDSHAKE_FRAMES:
                self._recorded_frame = frame
            number += 1
            writer.write(frame)
            await writer.drain()

    def _tampered(self, frame, how):
        if how == "twice":
            return frame + frame
        if how == "bit":
            at = self._chance.randrange(len(frame))
            return frame[:at] + bytes([frame[at] ^ 1 << self._chance.randrange(8)]) + frame[at + 1:]
        if how == "left out":
            return b""
        if how == "of another link":
            return self._recorded_frame + frame
        return frame[:HEADER_BYTES] + self._chance.randbytes(len(frame) - HEADER_BYTES)


async def outsiders(ports, relay, ends_at, chance):
    """Strangers that come one after another to each port until time.time() is `ends_at`; how many."""
    count = 0

    async def come(port):
        nonlocal count
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        count += 1
        try:
            heard = await asyncio.wait_for(reader.read(200), 1)
            writer.write([chance.randbytes(2000), heard, b"KINDREDP" * 40, relay.recorded,
                          heard[:LENGTH_AT] + b"\xff" * 4 + heard[LENGTH_AT + 4:]][count % 5])
            await asyncio.wait_for(reader.read(200), 0.2)
        except (OSError, asyncio.TimeoutError):
            pass
        finally:
            writer.transport.abort()

    clock = asyncio.get_running_loop().time
    end = clock() + ends_at
    while clock() < end:
        await asyncio.gather(*(come(port) for port in ports))
    return count


def rejected(node):
    info = redis_cli(node.port, "INFO", "integrity").splitlines()
    return sum(int(line.split(":")[1]) for line in info
               if line.startswith(("rejected_frames:", "unproven_links:")))


def ring(node):
    """What would change if a frame of an attacker were believed."""
    lines = redis_cli(node.port, "RING", "STATUS").splitlines()
    return lines[:8] + redis_cli(node.port, "RING", "OWNERS").splitlines()


class Findings:
    outsiders = tampered = links_ended = rejected = grown_bytes = 0
    ring_unchanged = False


def tamper_until_over(cluster, relay, seconds):
    """Attacks from within and from without at the same time; how many outsiders there were."""
    found = []
    ports = [node.peer_port for node in cluster.nodes]
    strangers = threading.Thread(target=lambda: found.append(asyncio.run(
        outsiders(ports, relay, seconds, random.Random(5)))))
    strangers.start()
    turn = 0
    while strangers.is_alive():
        relay.tamper(TAMPERINGS[turn % len(TAMPERINGS)])
        turn += 1
        strangers.join(SECONDS_BETWEEN_TAMPERINGS)
    return found[0]


def attack(seconds):
    """Attacks a cluster of four for so long, and sees that it is what it was."""
    findings = Findings()
    with Cluster(MEMBERS, {"storage-engine": "memory", "cluster-secret": SECRET}) as cluster:
        relay_port = free_port()
        behind = cluster.add_node({"announce-peer-port": relay_port})
        relay = Relay(relay_port, behind.peer_port)
        try:
            cluster.start()
            for key in range(100):
                redis_cli(cluster.ports[key % MEMBERS], "SET", f"key-{key}", key)
            wait_until(lambda: "" == redis_cli(cluster.ports[0], "RING", "TRANSFERS"), SETTLE_S,
                       "nothing moves")
            before = ring(cluster.nodes[0])
            tamper_until_over(cluster, relay, 2)  # what the first attack makes it allocate for good
            resident = [resident_bytes(node.pid) for node in cluster.nodes]
            findings.outsiders = tamper_until_over(cluster, relay, seconds)
            findings.grown_bytes = max(resident_bytes(node.pid) - was
                                       for node, was in zip(cluster.nodes, resident))
            cluster.settle()
            findings.tampered = relay.tampered
            findings.rejected = sum(rejected(node) for node in cluster.nodes)
            findings.ring_unchanged = ring(cluster.nodes[0]) == before
            findings.links_ended = relay.links_ended
            for key in range(100):
                value = redis_cli(cluster.ports[-1], "GET", f"key-{key}")
                if value != str(key):
                    raise AssertionError(f"key-{key} is {value}")
        finally:
            cluster.kill()
            relay.stop()
    return findings

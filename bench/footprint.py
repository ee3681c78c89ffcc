"""What a server costs besides requests: its start, its idling, its memory a key."""

import pathlib
import socket
import time

import measure
from harness.memory import resident_bytes

IDLE_SECONDS = 5
KEY_BYTES = len("key:000000000000")
VALUE_BYTES = 100
KEYS = 500000


def start_ms(subject):
    """From the start of an empty server to its first PONG."""
    servers = subject.servers()
    try:
        started = time.monotonic()
        servers.nodes[0].start()
        while not answers(servers.ports[0]):
            if time.monotonic() - started > 30 or not servers.nodes[0].alive():
                raise RuntimeError(f"{subject.name} does not start")
        return (time.monotonic() - started) * 1000
    finally:
        servers.destroy()


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            client.sendall(b"PING\r\n")
            return client.recv(7) == b"+PONG\r\n"
    except OSError:
        return False


def run_ns(pid):
    """Time on a processor of all living threads, to the nanosecond."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir())


def footprint(subject, repetitions=5):
    """The figures of a set of one server."""
    starts = sorted(start_ms(subject) for _ in range(repetitions))
    servers = subject.servers()
    try:
        servers.start()
        pid = servers.nodes[0].pid
        before = run_ns(pid)
        time.sleep(IDLE_SECONDS)
        idle = (run_ns(pid) - before) / 1e6 / IDLE_SECONDS
        empty = resident_bytes(pid)
        measure.fill(servers, VALUE_BYTES, KEYS)
        held = (resident_bytes(pid) - empty) / KEYS
    finally:
        servers.destroy()
    return {"start_ms": round(starts[len(starts) // 2], 1), "idle_ms_per_s": round(idle, 3),
            "overhead_bytes": round(held - KEY_BYTES - VALUE_BYTES, 1)}

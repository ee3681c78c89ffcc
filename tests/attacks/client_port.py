"""What clients that have logged in notice of strangers on the same port."""

import pathlib
import statistics
import subprocess
import sys
import threading
import time

import redis
from harness.cluster import Cluster
from harness.memory import resident_bytes
from harness.wait import wait_for_time, wait_until

STRANGERS = pathlib.Path(__file__).resolve().parent / "strangers.py"
PASSWORD = "a long password of the clients"
CLIENTS = 4
REQUESTS_A_SECOND = 100  # of each client, so that the load is the same with and without strangers
SECONDS_TO_GATHER = 5
BYTES_A_STRANGER = 64 << 10
SLACK_BYTES = 16 << 20


def latencies_ms(port, seconds):
    """The time that each request of a paced load took; an answer that is wrong is an error."""
    found, errors = [], []

    def load(number):
        client = redis.Redis(port=port, password=PASSWORD, socket_timeout=10)
        client.set(f"key-{number}", number)
        begun = time.time()
        try:
            for request in range(int(seconds * REQUESTS_A_SECOND)):
                wait_for_time(begun + request / REQUESTS_A_SECOND)
                started = time.monotonic()
                if client.get(f"key-{number}") != str(number).encode():
                    raise AssertionError("another answer")
                found.append((time.monotonic() - started) * 1000)
        except (redis.RedisError, AssertionError) as error:
            errors.append(error)

    threads = [threading.Thread(target=load, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return found


def p99(values):
    return statistics.quantiles(values, n=100)[98]


def connected(client):
    return client.info("clients")["connected_clients"]


class Findings:
    """p99_ms: of clients in each round, as (without strangers, with them); slowest_ms of all."""

    def __init__(self):
        self.p99_ms = []
        self.slowest_ms = 0.0
        self.grown_bytes = 0
        self.crowd = ""

    def ratio(self):
        without, with_strangers = (statistics.median(side) for side in zip(*self.p99_ms))
        return with_strangers / without


def one_round(node, connections, seconds, findings):
    client = redis.Redis(port=node.port, password=PASSWORD)
    before = resident_bytes(node.pid)
    calm = latencies_ms(node.port, seconds)
    # The crowd comes together first: the clients' time is that of a whole crowd.
    crowd = subprocess.Popen([sys.executable, STRANGERS, str(node.port), str(connections),
                              str(seconds + SECONDS_TO_GATHER)], text=True, stdout=subprocess.PIPE)
    try:
        wait_until(lambda: connected(client) > connections * 0.7, 60, "the crowd is there")
        stormy = latencies_ms(node.port, seconds)
        findings.grown_bytes = max(findings.grown_bytes, resident_bytes(node.pid) - before)
        findings.crowd = crowd.communicate(timeout=60)[0].strip()
    finally:
        crowd.kill()
    findings.p99_ms.append((p99(calm), p99(stormy)))
    findings.slowest_ms = max(findings.slowest_ms, *stormy)
    wait_until(lambda: connected(client) <= CLIENTS + 1, 60, "the crowd is gone")


def attack(connections, seconds, rounds):
    """Lets so many strangers at one node for so long, in each round after a rest as long."""
    findings = Findings()
    cluster = Cluster(1, {"storage-engine": "memory", "requirepass": PASSWORD})
    try:
        node = cluster.nodes[0]
        node.start()
        node.wait_ready()
        for _ in range(rounds):
            one_round(node, connections, seconds, findings)
    finally:
        cluster.destroy()
    return findings

"""Kindred from Python, by redis-py: redis_py.py plain|cluster PROTOCOL PORT ..."""

import sys
import time

import redis
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import RedisClusterException

KEYS = 60
PATIENCE_S = 20


# snippet
def any_node(ports):
    """A client of the first node that answers: every node takes every command for every key."""
    for port in ports:
        client = redis.Redis("127.0.0.1", port, socket_timeout=2, decode_responses=True)
        try:
            client.ping()
            return client
        except redis.ConnectionError:
            client.close()
    raise redis.ConnectionError("no node answers")


def cluster(ports):
    """A cluster client: it sends each command to a node that holds the key."""
    nodes = [ClusterNode("127.0.0.1", port) for port in ports]
    return RedisCluster(startup_nodes=nodes, socket_timeout=2, decode_responses=True)


def add_to_cart(client, item):
    """Adds to a list that others change too: reads all versions, writes one that has them all."""
    context, versions = client.execute_command("DGET", "cart")
    items = {entry for version in versions for entry in version.split()} | {item}
    client.execute_command("DPUT", "cart", context, " ".join(sorted(items)))
# end of snippet


def check(value, wanted):
    if value != wanted:
        raise AssertionError(f"{value!r} is not {wanted!r}")


def crud(client):
    check(client.set("py", "1"), True)
    check(client.get("py"), "1")
    check(client.incrby("py", 41), 42)
    check(client.set("py", "x", nx=True), None)
    check(client.delete("py"), 1)
    check(client.get("py"), None)


def pipeline(client):
    steps = client.pipeline(transaction=False)
    for number in range(100):
        steps.set(f"py:{number}", number)
    check(steps.execute(), [True] * 100)


def transaction(client):
    if isinstance(client, RedisCluster):  # whose own pipelines are never transactions
        client = client.get_redis_connection(client.get_node_from_key("{py}a"))
    steps = client.pipeline(transaction=True).set("{py}a", "1").incr("{py}a").get("{py}a")
    check(steps.execute(), [True, 2, "2"])


def expiry(client):
    client.set("py", "1", ex=100)
    check(client.ttl("py") in (99, 100), True)
    client.pexpire("py", 1)
    deadline = time.monotonic() + PATIENCE_S
    while client.exists("py"):
        check(time.monotonic() < deadline, True)


def scan(client):
    check(set(client.scan_iter(match="py:*", count=50)), {f"py:{number}" for number in range(100)})


def versions(client):
    client.execute_command("DPUT", "cart", "", "apples")
    client.execute_command("DPUT", "cart", "", "pears")
    add_to_cart(client, "plums")
    check(client.execute_command("DGET", "cart")[1], ["apples pears plums"])
    client.delete("cart")


def survive(client, connect, ports):
    """Writes while the node that was talked to is dead; what failed is tried again."""
    errors, started = 0, time.monotonic()
    for number in range(KEYS):
        while True:
            try:
                client.set(f"py:after:{number}", number)
                break
            except (redis.RedisError, RedisClusterException) as error:
                errors += 1
                if time.monotonic() - started > PATIENCE_S:
                    raise
                print(f"tried again after: {error}")
                # redis-py 4.3 may fail to learn the nodes anew, where the dead one is asked first.
                if connect is any_node or isinstance(error, RedisClusterException):
                    client = connect(ports)
    for number in range(KEYS):
        check(client.get(f"py:after:{number}"), str(number))
    print(f"survived: {errors} errors, {(time.monotonic() - started) * 1000:.0f} ms", flush=True)


def main(mode, _protocol, *ports):
    ports = [int(port) for port in ports]
    connect = cluster if mode == "cluster" else any_node
    client = connect(ports)
    print("connect", flush=True)
    for step in (crud, pipeline, transaction, expiry, scan, versions):
        step(client)
        print(step.__name__, flush=True)
    print("lose a node", flush=True)
    sys.stdin.readline()
    survive(client, connect, ports)


if __name__ == "__main__":
    main(*sys.argv[1:])

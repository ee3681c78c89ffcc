"""A shopping cart that loses no item, on Kindred's versions.

    python3 cart.py --nodes 127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003 --rounds 1000

In every round two shoppers put different items into the same cart at the same time, through
different nodes. Both writes stay as versions; the next reader merges them.
"""

import argparse
import concurrent.futures
import itertools
import json
import sys

import redis

ATTEMPTS = 60


class Store:
    """DGET and DPUT on the first node that answers.

    A write that was not answered may still have taken effect. Sending it again with the same
    context is safe here: at worst it leaves one more version with the same items.
    """

    def __init__(self, nodes, first=0):
        self._clients = [redis.Redis(host, port, socket_timeout=3) for host, port in nodes]
        self._turn = itertools.cycle(self._clients[first:] + self._clients[:first])
        self._client = next(self._turn)

    def _ask(self, *command):
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._client.execute_command(*command)
            except (redis.ConnectionError, redis.TimeoutError, redis.ResponseError) as error:
                if attempt == ATTEMPTS or not worth_another_try(error):
                    raise
                self._client = next(self._turn)

    def get(self, key):
        """(context, [versions])"""
        context, versions = self._ask("DGET", key)
        return context, versions

    def put(self, key, context, value):
        """The context of what was written."""
        return self._ask("DPUT", key, context, value)


def worth_another_try(error):
    """A broken connection, or a refusal that another node or moment may not give."""
    if not isinstance(error, redis.ResponseError):
        return True
    return str(error).startswith(("NOQUORUM", "NOREPLICAS", "TRYAGAIN", "LOADING"))


def merge(versions):
    """One cart of all versions: every item of any, each in the largest quantity seen."""
    items = {}
    for version in versions:
        for item, quantity in json.loads(version).items():
            items[item] = max(quantity, items.get(item, 0))
    return items


class Cart:
    """One shopper's view of one cart: what they last read, and the context of that."""

    def __init__(self, store, key):
        self._store, self._key = store, key
        self._context, self.items, self.versions = b"", {}, 0

    def read(self):
        self._context, versions = self._store.get(self._key)
        self.items, self.versions = merge(versions), len(versions)
        return self

    def add(self, item, quantity=1):
        """Writes the cart as last read plus the item. It replaces exactly the versions read."""
        self.items[item] = self.items.get(item, 0) + quantity
        value = json.dumps(self.items, sort_keys=True)
        self._context = self._store.put(self._key, self._context, value)


def shop(stores, pool, key, number):
    """One round. Returns how many versions the reader after it found."""
    readers = [Cart(store, key).read() for store in stores]
    items = [f"{name}-{number}" for name in ("apples", "pears")]
    # Both have read the same cart; neither sees what the other is about to write.
    list(pool.map(Cart.add, readers, items))
    after = Cart(stores[0], key).read()
    missing = [item for item in items if item not in after.items]
    if missing:
        raise SystemExit(f"round {number}: {missing} missing in {after.items}")
    seen = after.versions
    after.add(f"bread-{number}")
    return seen


def check(store, key, rounds):
    """Every item of every round is in the cart."""
    items = Cart(store, key).read().items
    wanted = {f"{name}-{number}" for number in rounds for name in ("apples", "pears", "bread")}
    if set(items) != wanted:
        raise SystemExit(f"{key}: wanted {sorted(wanted)}, found {sorted(items)}")


def run(nodes, rounds, rounds_a_cart=20):
    stores = [Store(nodes, 0), Store(nodes, 1 % len(nodes))]
    concurrent_versions, carts = 0, {}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number in range(1, rounds + 1):
            key = f"cart:{(number - 1) // rounds_a_cart}"
            concurrent_versions += shop(stores, pool, key, number) >= 2
            carts.setdefault(key, []).append(number)
            if number % 100 == 0:
                print(f"round {number}", flush=True)
    for key, numbers in carts.items():
        check(stores[1], key, numbers)
    print(f"{rounds} rounds, two versions seen in {concurrent_versions}, no item lost")


def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", default="127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003")
    parser.add_argument("--rounds", type=int, default=1000)
    arguments = parser.parse_args()
    run([address(text) for text in arguments.nodes.split(",")], arguments.rounds)


if __name__ == "__main__":
    sys.exit(main())

"""Clients at a steady rate that know what they were promised."""

import collections
import random
import threading
import time

import redis
from harness.wait import wait_for_time

AVOID_S = 20.0
# A node answers within request-timeout-ms and 250 ms, so one that is silent for longer is gone.
TIMEOUT_S = 1.5
TRIES_MAX = 3
KEYS_A_CLIENT = 20
CART_ITEMS_MAX = 40

# One request as its client saw it. `seconds` is of all its tries; `error` is the last try's, or "";
# `first_error` that of the first one, at `node`, which did not answer at all where `is_silent`.
Sample = collections.namedtuple("Sample", "when is_write seconds error first_error is_silent node")


class Client(threading.Thread):
    """Sets its own keys to rising numbers, reads them, and puts items into a cart of its own.

    It knows all nodes' addresses, as drivers of clusters do. Where a node fails it, it tries the
    request at another, which all of its requests allow, and stays away from that one for a while.
    """

    def __init__(self, number, addresses, rate, stop):
        super().__init__(daemon=True)
        self._addresses = addresses  # a list that changes as nodes join and leave
        self._name = f"c{number}"
        self._random = random.Random(number)
        self._interval_s = 1.0 / rate
        self._stop_at = stop
        self._connection = None
        self._address = None
        self._avoid = {}
        self.acked = {}  # key -> highest number acknowledged
        self.tried = {}  # key -> highest number sent
        self.items = set()  # acknowledged, of the cart
        self.samples = []

    @property
    def cart(self):
        return f"cart-{self._name}"

    def run(self):
        due = time.time() + self._random.random() * self._interval_s
        number = self._random.randrange(10)  # clients are not in step
        while due < self._stop_at:
            wait_for_time(due)
            number += 1
            self._once(number)
            due += self._interval_s

    def _once(self, number):
        key = f"{self._name}-{number % KEYS_A_CLIENT}"
        step = number % 10
        if step == 9:
            self._timed(True, lambda: self._add_item(number))
        elif step >= 6:
            self._timed(False, lambda: self._read(key))
        else:
            self.tried[key] = number
            self._timed(True, lambda: self._write(key, number))

    def _timed(self, is_write, action):
        began = time.time()
        first_error = error = node = ""
        is_silent = False
        for attempt in range(TRIES_MAX):
            try:
                action()
                error = ""
                break
            except redis.RedisError as failure:
                error = f"{type(failure).__name__} {failure}"[:120]
                if attempt == 0:
                    first_error, node = error, self._address[0]
                    is_silent = isinstance(failure, (redis.ConnectionError, redis.TimeoutError))
                self._leave()
        self.samples.append(
            Sample(began, is_write, time.time() - began, error, first_error, is_silent, node))

    def _leave(self):
        self._avoid[self._address] = time.time() + AVOID_S
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _node(self):
        if self._connection is None:
            now = time.time()
            known = list(self._addresses)
            good = [address for address in known if self._avoid.get(address, 0) < now]
            self._address = self._random.choice(good or known)
            self._connection = redis.Redis(
                host=self._address[0], port=self._address[1], socket_timeout=TIMEOUT_S,
                socket_connect_timeout=TIMEOUT_S, retry_on_timeout=False)
        return self._connection

    def _write(self, key, number):
        self._node().set(key, number)
        self.acked[key] = number

    def _read(self, key):
        self._node().get(key)

    def _add_item(self, number):
        context, siblings = self._node().execute_command("DGET", self.cart)
        items = {item for sibling in siblings for item in sibling.decode().split(",") if item}
        # The cart is kept small: what is dropped here was seen, and is no longer asked for.
        for old in sorted(items, key=int)[:-CART_ITEMS_MAX]:
            items.discard(old)
            self.items.discard(old)
        items.add(str(number))
        self._node().execute_command("DPUT", self.cart, context, ",".join(sorted(items, key=int)))
        self.items.add(str(number))

"""Clients at a steady rate that know what they were promised."""

import random
import threading
import time

import redis
from harness.wait import wait_for_time

AVOID_S = 20.0
TIMEOUT_S = 2.0
KEYS_A_CLIENT = 20
CART_ITEMS_MAX = 40


class Client(threading.Thread):
    """Sets its own keys to rising numbers, reads them, and puts items into a cart of its own.

    After an error it goes to another node and stays away from the one that failed for a while, as a
    client behind a proxy with health checks does.
    """

    def __init__(self, number, addresses, rate, stop):
        super().__init__(daemon=True)
        self._addresses = addresses  # a list that grows as nodes join
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
        self.samples = []  # (when, is a write, seconds it took, error or "")

    @property
    def cart(self):
        return f"cart-{self._name}"

    def run(self):
        due = time.time() + self._random.random() * self._interval_s
        number = 0
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
        try:
            action()
            error = ""
        except redis.RedisError as failure:
            error = f"{type(failure).__name__} {failure}"[:120]
            self._leave()
        self.samples.append((began, is_write, time.time() - began, error))

    def _leave(self):
        self._avoid[self._address] = time.time() + AVOID_S
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _node(self):
        if self._connection is None:
            now = time.time()
            good = [address for address in self._addresses if self._avoid.get(address, 0) < now]
            self._address = self._random.choice(good or self._addresses)
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

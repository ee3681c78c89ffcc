"""Waiting for a condition, with a deadline. The only place of the tests that may sleep."""

import time

SECONDS_BETWEEN_LOOKS = 0.02


def wait_until(condition, timeout_s, what):
    """Returns the first true value of condition(); after timeout_s raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {timeout_s} s still not: {what}")
        time.sleep(SECONDS_BETWEEN_LOOKS)


def wait_for_time(when):
    """Returns when time.time() has come to `when`: the pace of a load or a plan, never a guess that
    something is done by then."""
    time.sleep(max(0.0, when - time.time()))

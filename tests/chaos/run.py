"""Faults under load, with real processes: tests/chaos/run.py [--minutes 5] [--picture FILE.svg].

Five nodes, 40 clients at a steady rate; nodes are killed, hung, cut off (both ways and one way),
joined, taken away and replaced meanwhile, and some keys get another N. Closes with what was
promised and whether it held. Needs root for the packet filter; ends what it started.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import report  # noqa: E402
from clients import Client  # noqa: E402
from firewall import Firewall  # noqa: E402
from harness.wait import wait_for_time, wait_until  # noqa: E402
from nodes import Nodes  # noqa: E402

CLIENTS = 40
CLIENT_PROCESSES = 4
FOUNDERS = 5


class Plan:
    """What happens when. Times are parts of the whole run, so that a short run has all of it."""

    def __init__(self, nodes, firewall, seconds, addresses):
        self._nodes, self._firewall = nodes, firewall
        self._addresses = addresses  # that clients know
        self._began = time.time()
        self._seconds = seconds
        self.phases = []
        self.members = FOUNDERS

    def at(self, part):
        """Waits until that part of the run is over."""
        wait_for_time(self._began + part * self._seconds)

    def phase(self, name, begin, end, gone=None):
        """Runs `begin`, waits until part `end` of the run, and notes the time between. `gone`: the
        node that is of no use to its clients meanwhile."""
        started = time.time()
        print(f"{started - self._began:6.1f} s  {name}", flush=True)
        begin()
        self.at(end)
        self.phases.append(report.Phase(name, started, time.time(), gone.host if gone else ""))

    def run(self):
        node = self._nodes.all
        self.phase("quiet", lambda: None, 0.10)
        self.phase("node-2 killed", node[2].kill, 0.18, gone=node[2])
        self.phase("node-2 is back", node[2].start, 0.25)
        self.phase("node-3 hangs", node[3].pause, 0.25 + min(0.14, 40 / self._seconds),
                   gone=node[3])
        self.phase("node-3 goes on", node[3].resume, 0.44)
        self.phase("node-4 is cut off", lambda: self._cut(4, both_ways=True), 0.50,
                   gone=node[4])
        self.phase("the cut is mended", self._firewall.heal, 0.55)
        self.phase("node-5 can't send", lambda: self._cut(5, both_ways=False), 0.61,
                   gone=node[5])
        self.phase("it can again", self._firewall.heal, 0.66)
        self.phase("carts get 5 copies", lambda: self._keyspace("N", 5, "R", 3, "W", 3), 0.71)
        self.phase("two join", self._join, 0.79)
        self.phase("two leave", self._leave, 0.87)
        self.phase("one is replaced", self._replace, 0.95)
        self.phase("carts get 2 copies", lambda: self._keyspace("N", 2), 1.0)

    def _cut(self, number, both_ways):
        cut = self._nodes.all[number]
        for other in self._nodes.running():
            if other is cut:
                continue
            self._firewall.drop(cut.host, other.host)
            if both_ways:
                self._firewall.drop(other.host, cut.host)

    def _keyspace(self, *options):
        self._nodes.all[1].client(30).execute_command("KEYSPACE", "SET", "cart-*", *options)

    def _join(self):
        for number in (6, 7):
            self._nodes.add(number)
        self._wait_for_members(7)
        for number in (6, 7):
            self._addresses.append(self._nodes.address(number))

    def _leave(self):
        for number in (6, 3):
            self._addresses.remove(self._nodes.address(number))
        self._nodes.all[1].ring("LEAVE", "node-6", "NOW")
        self._nodes.all[1].ring("LEAVE", "node-3", "NOW")
        self._wait_for_members(5)

    def _replace(self):
        self._nodes.all[7].kill()
        self._nodes.add(8, auto_join="no")
        first = self._nodes.all[1]
        waiting = self._nodes.peer_address(8)
        wait_until(lambda: self._answers(first, "REPLACE", "node-7", waiting, "NOW"), 30,
                   "RING REPLACE is taken")
        self._wait_for_members(5)
        self._addresses.remove(self._nodes.address(7))
        self._addresses.append(self._nodes.address(8))

    def _wait_for_members(self, count):
        self.members = count
        first = self._nodes.all[1]
        wait_until(lambda: len(first.ring("MEMBERS")) == count, 60, f"{count} members")

    @staticmethod
    def _answers(node, *words):
        try:
            node.ring(*words)
            return True
        except Exception as error:  # the waiting node may not be known yet
            print(f"          RING {' '.join(words)}: {error}", flush=True)
            return False


def run_clients(process, addresses, rate, stop, results):
    """One process of clients; puts (samples, losses-to-check) into `results`."""
    numbers = range(process, CLIENTS, CLIENT_PROCESSES)
    clients = [Client(number, addresses, rate, stop) for number in numbers]
    for client in clients:
        client.start()
    for client in clients:
        client.join(stop - time.time() + 60)
    results.put([(client.name, client.acked, client.tried, sorted(client.items), client.cart,
                  client.samples) for client in clients])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--rate", type=float, default=800, help="requests a second, all clients")
    parser.add_argument("--engine", default="rocksdb")
    parser.add_argument("--workers", default="1", help="of each node; 8 nodes share the machine")
    parser.add_argument("--picture", type=pathlib.Path, help="draws latencies into this SVG file")
    parser.add_argument("--json", type=pathlib.Path, help="writes the figures there")
    parser.add_argument("--errors", type=pathlib.Path, help="lists each failed try there")
    options = parser.parse_args()
    directives = {"storage-engine": options.engine, "workers": options.workers}
    with Firewall(f"kindred_chaos_{os.getpid()}") as firewall, Nodes(FOUNDERS, directives) as nodes:
        sys.exit(run(options, firewall, nodes))


def run(options, firewall, nodes):
    seconds = options.minutes * 60
    manager = multiprocessing.Manager()
    addresses = manager.list(nodes.addresses())
    plan = Plan(nodes, firewall, seconds, addresses)
    results = multiprocessing.Queue()
    stop = time.time() + seconds
    processes = [multiprocessing.Process(
        target=run_clients,
        args=(number, addresses, options.rate / CLIENTS, stop, results), daemon=True)
        for number in range(CLIENT_PROCESSES)]
    for process in processes:
        process.start()
    plan.run()
    collected = [client for _ in processes for client in results.get(timeout=120)]
    for process in processes:
        process.join(30)
    nodes.settle(plan.members, timeout_s=120)
    lost = report.lost_writes(nodes, collected)
    samples = [sample for client in collected for sample in client[5]]
    figures = report.figures(plan.phases, samples)
    figures["lost"] = lost
    figures["load_average"] = [round(each, 1) for each in os.getloadavg()]
    report.show(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    if options.picture:
        report.draw(plan.phases, samples, options.picture)
    if options.errors:
        report.list_errors(plan.phases, samples, options.errors)
    return 0 if report.judge(figures) else 1


if __name__ == "__main__":
    main()

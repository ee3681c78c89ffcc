"""What background work costs requests: bench/background.py [--repetitions N] [--keys N] [--save].

Three nodes, N=3, R=W=2, in memory. One node is killed, keys are written that it misses, and it comes
back with nothing: hints for it, fills of all its copies and RING REPAIR of all partitions go on at
once while the two others serve a closed loop. Each such time is compared with a quiet one just
before; the figures are medians of the ratios. With `--no-budget` background work never gives way.
"""

import argparse
import contextlib
import json
import statistics
import threading

import measure
import servers

CONNECTIONS = 8
VALUE_BYTES = 100
MISSED_KEYS = 100_000
FIGURES = ("p99_us", "p999_us")
BASELINE = servers.ROOT / "bench" / "baselines" / "background.json"
NO_BUDGET = {"background-rate": "8gb", "hint-rate": "1gb",
             "background-p99-target-us": 3_600_000_000}


def moved_bytes(nodes):
    """What all background work has taken so far."""
    return sum(int(line.split(":")[1]) for node in nodes
               for line in servers.redis_cli(node.port, "INFO", "background").splitlines()
               if line.startswith("background_bytes_"))


def load(nodes, command, seconds, keys):
    found = measure.loadgen([node.port for node in nodes], "--command", command, "--value-bytes",
                            VALUE_BYTES, "--keys", keys, "--connections", CONNECTIONS,
                            "--seconds", seconds)
    if found["errors"]:
        raise RuntimeError(f"{found['errors']} errors, first {found['first_error']}")
    return found


@contextlib.contextmanager
def repairs(node):
    """RING REPAIR of all partitions, again and again."""
    is_over = threading.Event()

    def repair():
        while not is_over.is_set():
            servers.redis_cli(node.port, "RING", "REPAIR")

    thread = threading.Thread(target=repair)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def settle(cluster):
    cluster.settle()
    servers.wait_until(lambda: all(servers.redis_cli(node.port, "RING", "TRANSFERS") == "" and
                                   servers.redis_cli(node.port, "RING", "HINTS") == ""
                                   for node in cluster.nodes), 300, "all is quiet")


def measure_once(cluster, command, seconds, keys):
    """(quiet, with background work, bytes that it moved)"""
    *serving, absent = cluster.nodes
    settle(cluster)
    quiet = load(serving, command, seconds, keys)
    absent.kill()
    servers.wait_until(lambda: all("members_up:2" in servers.redis_cli(node.port, "INFO", "kindred")
                                   for node in serving), 30, "it is taken for down")
    measure.loadgen([serving[0].port], "--fill", "--keys", min(keys, MISSED_KEYS), "--value-bytes",
                    VALUE_BYTES, "--pipeline", measure.FILL_BATCH)
    absent.start()
    absent.wait_ready()
    before = moved_bytes(cluster.nodes)
    with repairs(serving[0]):
        busy = load(serving, command, seconds, keys)
    return quiet, busy, moved_bytes(cluster.nodes) - before


def run(repetitions, seconds, keys, directives):
    chosen = {**dict(servers.engine("memory", "none")), **directives}
    cluster = servers.Subject("background", (), nodes=3,
                              directives=tuple(chosen.items())).servers()
    try:
        cluster.start()
        measure.fill(cluster, VALUE_BYTES, keys)
        table = {}
        for command in ("get", "set"):
            found = [measure_once(cluster, command, seconds, keys) for _ in range(repetitions)]
            table[command] = {
                "quiet": {figure: statistics.median(quiet[figure] for quiet, _, _ in found)
                          for figure in FIGURES},
                "ratio": {figure: round(statistics.median(busy[figure] / quiet[figure]
                                                          for quiet, busy, _ in found), 3)
                          for figure in FIGURES},
                "moved_mb": round(statistics.median(moved for *_, moved in found) / 1e6, 1),
            }
        return table
    finally:
        cluster.destroy()


def show(table):
    for command, row in table.items():
        print(f"{command}: quiet p99.9 {row['quiet']['p999_us']:.0f} us; with background work "
              f"x {row['ratio']['p999_us']:.2f} (p99 x {row['ratio']['p99_us']:.2f}), "
              f"{row['moved_mb']} MB moved")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--keys", type=int, default=300_000)
    parser.add_argument("--no-budget", action="store_true")
    parser.add_argument("--save", action="store_true", help=f"write {BASELINE.name}")
    options = parser.parse_args()
    table = run(options.repetitions, options.seconds, options.keys,
                NO_BUDGET if options.no_budget else {})
    show(table)
    if options.save:
        BASELINE.write_text(json.dumps({"commit": servers.commit(), "keys": options.keys,
                                        "connections": CONNECTIONS, **table}, indent=1) + "\n")


if __name__ == "__main__":
    main()

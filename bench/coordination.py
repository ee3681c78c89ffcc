"""Who coordinates: each key's own node, or any (the Dynamo paper's table 2): bench/coordination.py.

Five nodes, N=3, R=W=2. A client-driven load sends each request to the node that CLUSTER SLOTS names
for its key; a server-driven one sends it to any node, which passes it on where it holds no copy.
Both are measured in turn, again and again, on the same running nodes.
"""

import argparse
import json
import statistics

import measure
import servers

NODES = 5
CONNECTIONS = 20
FIGURES = ("mean_us", "p999_us")
BASELINE = servers.ROOT / "bench" / "baselines" / "coordination.json"


def slot_map(port):
    """CLUSTER SLOTS as the load generator takes it."""
    import redis
    ranges = redis.Redis(port=port).execute_command("CLUSTER SLOTS")
    if isinstance(ranges, dict):  # python3-redis makes a dictionary of it
        return ",".join(f"{first}-{last}:{found['primary'][1]}"
                        for (first, last), found in ranges.items())
    return ",".join(f"{first}-{last}:{node[1]}" for first, last, node, *_ in ranges)


def passed_on(cluster):
    import redis
    return sum(redis.Redis(port=port).info("replication")["passed_on_requests"]
               for port in cluster.ports)


def measure_once(cluster, command, seconds, slots):
    before = passed_on(cluster)
    found = measure.loadgen(
        cluster.ports, "--command", command, "--value-bytes", 100, "--keys", measure.KEYS,
        "--connections", CONNECTIONS, "--seconds", seconds, *(["--slots", slots] if slots else []))
    if found["errors"]:
        raise RuntimeError(f"{found['errors']} errors, first {found['first_error']}")
    found["passed_on_percent"] = 100 * (passed_on(cluster) - before) / found["operations"]
    return found


def run(repetitions, seconds):
    """{command: {driver: {figure: median}, "ratios": {figure: median of pairs}}}"""
    subject = servers.Subject("coordination", (), nodes=NODES,
                              directives=servers.engine("memory", "none"))
    cluster = subject.servers()
    try:
        cluster.start()
        measure.fill(cluster, 100)
        slots = slot_map(cluster.ports[0])
        table = {}
        for command in ("get", "set"):
            pairs = [(measure_once(cluster, command, seconds, ""),
                      measure_once(cluster, command, seconds, slots))
                     for _ in range(repetitions)]
            row = {name: {figure: statistics.median(pair[at][figure] for pair in pairs)
                          for figure in (*FIGURES, "passed_on_percent")}
                   for at, name in enumerate(("server-driven", "client-driven"))}
            row["client/server"] = {
                figure: round(statistics.median(pair[1][figure] / pair[0][figure]
                                                for pair in pairs), 3) for figure in FIGURES}
            table[command] = row
        return table
    finally:
        cluster.destroy()


def show(table):
    print(f"{'':22} {'mean us':>10} {'p99.9 us':>10} {'passed on %':>12}")
    for command, row in table.items():
        for name in ("server-driven", "client-driven"):
            print(f"{command + ', ' + name:22} {row[name]['mean_us']:10.1f} "
                  f"{row[name]['p999_us']:10.1f} {row[name]['passed_on_percent']:12.2f}")
        print(f"{'  ratio':22} {row['client/server']['mean_us']:10.3f} "
              f"{row['client/server']['p999_us']:10.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--save", action="store_true", help=f"write {BASELINE.name}")
    options = parser.parse_args()
    table = run(options.repetitions, options.seconds)
    show(table)
    if options.save:
        BASELINE.write_text(json.dumps({"commit": servers.commit(), "nodes": NODES,
                                        "connections": CONNECTIONS, **table}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""What keys that all expire at once cost requests: bench/expiry.py [--expiring N] [--keys N] [--save].

Three nodes, N=3, R=W=2, RocksDB. N keys are written that expire in the same millisecond, beside
others that are read by one closed loop and written by another. Windows before that time are compared
with those in which owners let expired keys go, which they begin to do a minute later, until all of
them have let all go.
"""

import argparse
import concurrent.futures
import json
import statistics
import subprocess
import threading
import time

import measure
import servers

CONNECTIONS = 4  # of each loop
VALUE_BYTES = 100
WINDOW_S = 3
QUIET_WINDOWS = 6
PATIENCE_S = 900
FIGURES = ("p99_us", "p999_us")
COMMANDS = ("get", "set")
BASELINE = servers.ROOT / "bench" / "baselines" / "expiry.json"


def write_expiring(port, count, at_unix_ms):
    """redis-cli --pipe, as who moves in would."""
    value = "v" * VALUE_BYTES
    pipe = subprocess.Popen(["redis-cli", "-p", str(port), "--pipe"], text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.stdout.read()))
    reader.start()
    for n in range(count):
        words = ("SET", f"soon:{n}", value, "PXAT", str(at_unix_ms))
        pipe.stdin.write(f"*{len(words)}\r\n" +
                         "".join(f"${len(word)}\r\n{word}\r\n" for word in words))
    pipe.stdin.close()
    reader.join()
    if pipe.wait() != 0 or "errors: 0" not in found[0]:
        raise RuntimeError(f"redis-cli --pipe: {found[0].strip()}")


def window(nodes, command, keys):
    found = measure.loadgen([node.port for node in nodes], "--command", command, "--value-bytes",
                            VALUE_BYTES, "--keys", keys, "--connections", CONNECTIONS,
                            "--seconds", WINDOW_S)
    if found["errors"]:
        raise RuntimeError(f"{found['errors']} errors, first {found['first_error']}")
    return {figure: found[figure] for figure in FIGURES}


def windows(nodes, keys):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        loops = {command: pool.submit(window, nodes, command, keys) for command in COMMANDS}
        return {command: loop.result() for command, loop in loops.items()}


def reaped(nodes):
    """Keys that have left the node that has let go of the fewest."""
    return min(int(line.split(":")[1]) for node in nodes
               for line in servers.redis_cli(node.port, "INFO", "versions").splitlines()
               if line.startswith("reaped_keys:"))


def run(expiring, keys, fill_s):
    cluster = servers.Subject("expiry", (), nodes=3).servers()
    try:
        cluster.start()
        measure.fill(cluster, VALUE_BYTES, keys)
        at_s = time.time() + fill_s
        write_expiring(cluster.ports[0], expiring, round(at_s * 1000))
        wait_s = at_s - time.time() - QUIET_WINDOWS * WINDOW_S
        if wait_s < 0:
            raise RuntimeError(f"{expiring} keys were not written in --fill-seconds {fill_s}")
        cluster.settle()
        quiet, reaping = ({command: [] for command in COMMANDS} for _ in range(2))
        done_s = None
        gone = 0
        for _ in range(PATIENCE_S // WINDOW_S):
            found = windows(cluster.nodes, keys)
            gone_before, gone = gone, reaped(cluster.nodes)
            for command in COMMANDS:
                (reaping if gone > gone_before else quiet)[command].append(found[command])
            at = time.time() - at_s
            print(f"{at:7.1f} s, " + ", ".join(
                f"{command} p99 {found[command]['p99_us']:.0f} us p99.9 "
                f"{found[command]['p999_us']:.0f} us" for command in COMMANDS) + f", {gone} gone",
                  flush=True)
            if gone >= expiring:
                done_s = at
                break
        if done_s is None:
            raise RuntimeError(f"{gone} of {expiring} keys gone {PATIENCE_S} s on")
        return {"gone_after_s": round(done_s, 1), **{command: {
            "quiet": {figure: statistics.median(one[figure] for one in quiet[command])
                      for figure in FIGURES},
            "reaping": {figure: statistics.median(one[figure] for one in reaping[command])
                      for figure in FIGURES},
            "worst_window": {figure: max(one[figure] for one in reaping[command])
                             for figure in FIGURES},
        } for command in quiet}}
    finally:
        cluster.destroy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--expiring", type=int, default=1_000_000)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--fill-seconds", type=float, default=120)
    parser.add_argument("--save", action="store_true", help=f"write {BASELINE.name}")
    options = parser.parse_args()
    table = run(options.expiring, options.keys, options.fill_seconds)
    print(json.dumps(table, indent=1))
    if options.save:
        BASELINE.write_text(json.dumps({"commit": servers.commit(), "expiring": options.expiring,
                                        "keys": options.keys, "connections": CONNECTIONS, **table},
                                       indent=1) + "\n")


if __name__ == "__main__":
    main()

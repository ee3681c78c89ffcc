"""Instructions and syscalls an operation, which repeat where times don't.

    bench/instructions.py                 prints them
    bench/instructions.py --save          and stores them as the baseline
    bench/instructions.py --check FILE    fails where one is more than 5 % above the stored

Each figure is the difference between two runs of different length, summed over all servers, so that
start and stop cancel out.
"""

import argparse
import json
import pathlib
import re
import sys
import tempfile

import measure
import servers
from servers import ONE, ROOT, wait_until

BASELINE = ROOT / "bench" / "baselines" / "instructions.json"
TOLERANCE = 0.05
VALUE_BYTES = 100
# Under valgrind a node is fifty times slower; nothing may time out for that, nor be noted as slow.
PATIENT = {"request-timeout-ms": "60000", "slowlog-log-slower-than": "-1", "workers": "1"}


def subject(name):
    return next(subject for subject in servers.SUBJECTS if subject.name == name)


FIGURES = {  # figure: (set of servers, command)
    "one_node_set": ("kindred 1 memory", "set"),
    "one_node_get": ("kindred 1 memory", "get"),
    "three_nodes_set": ("kindred 3 memory", "set"),
    "three_nodes_get": ("kindred 3 memory", "get"),
}
REFERENCE = {"redis_set": ("redis", "set"), "redis_get": ("redis", "get")}


class Callgrind:
    """Instructions: c=50, P=16."""

    suffix = "instructions"
    connections, pipeline, requests = 50, 16, (16000, 48000)

    @staticmethod
    def prefix(folder):
        return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out.%p",
                "--trace-children=no"]

    @staticmethod
    def count(folder, running):
        total = 0
        for node in running.nodes:
            total += int(re.search(r"Collected : (\d+)", node.log()).group(1))
        return total


class Strace:
    """System calls of all threads: c=1, P=1."""

    suffix = "syscalls"
    connections, pipeline, requests = 1, 1, (500, 2500)

    @staticmethod
    def prefix(folder):
        # -D keeps the server this process's own child, which can then be stopped by its pid.
        return ["strace", "-D", "-f", "-c", "-o", f"|cat >> {folder}/counts"]

    @staticmethod
    def count(folder, running):
        path = pathlib.Path(folder) / "counts"
        ends = re.compile(r"^100\.00\s+\S+\s+\S+\s+(\d+)\s.*total$", re.MULTILINE)

        def totals():
            found = ends.findall(path.read_text()) if path.exists() else []
            return found if len(found) == len(running.nodes) else None

        return sum(map(int, wait_until(totals, 30, "strace has written its counts")))


def count_of_run(tool, subject_name, command, requests):
    """The count of a whole life of the servers with so many requests in it."""
    chosen = subject(subject_name)
    with tempfile.TemporaryDirectory(prefix="kindred-count-") as folder:
        running = chosen.servers(tool.prefix(folder), PATIENT)
        try:
            running.start()
            found = measure.load(running, ONE, command, tool.pipeline, VALUE_BYTES, "--requests",
                                 requests, connections=tool.connections)
            if found["errors"]:
                raise RuntimeError(f"{subject_name}: {found['first_error']}")
            running.stop()
            return tool.count(folder, running)
        finally:
            running.destroy()


def per_operation(tool, subject_name, command):
    few, many = (count_of_run(tool, subject_name, command, requests)
                 for requests in tool.requests)
    return round((many - few) / (tool.requests[1] - tool.requests[0]), 2)


def take(figures):
    counts = {}
    for tool in (Callgrind, Strace):
        for name, (subject_name, command) in figures.items():
            counts[f"{name}_{tool.suffix}"] = per_operation(tool, subject_name, command)
            print(f"{name}_{tool.suffix}: {counts[f'{name}_{tool.suffix}']}", flush=True)
    return counts


def stored():
    """The stored counts; empty where none are stored."""
    return json.loads(BASELINE.read_text()) if BASELINE.exists() else {}


def check(counts, baseline):
    """Prints each figure's change; the number of passed and failed ones."""
    failed = 0
    for name, count in counts.items():
        change = count / baseline[name] - 1
        failed += change > TOLERANCE
        verdict = "too many" if change > TOLERANCE else "fine"
        if change < -TOLERANCE:
            verdict = "fewer: store the new baseline with --save"
        print(f"{name}: {count} against {baseline[name]} ({change:+.1%}), {verdict}")
    return len(counts) - failed, failed


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--redis", action="store_true", help="redis-server's instead, to compare")
    options = parser.parse_args(arguments)
    counts = take(REFERENCE if options.redis else FIGURES)
    if options.save:
        BASELINE.write_text(json.dumps(counts, indent=1) + "\n")
    if options.check:
        passed, failed = check(counts, json.loads(options.check.read_text()))
        print(f"{passed} passed, {failed} failed")
        return 1 if failed else 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

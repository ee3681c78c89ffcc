"""Kindred beside redis-server, in one run: ./kindred bench [--quick] [--save].

Every repetition measures every set of servers, each in a fresh folder, so that a ratio is taken
between neighbours in time. CPU microseconds an operation are the figure that noise hurts least.
"""

import argparse
import json
import sys

import footprint
import instructions
import measure
import report
import servers
import targets
from servers import ROOT

BASELINES = ROOT / "bench" / "baselines"
PICTURE = ROOT / "docs" / "img" / "bench.svg"
COMMANDS = ("set", "get")
PIPELINES = (1, 16)
VALUE_SIZES = (100, 1024, 10240)


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./kindred bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true",
                        help="two repetitions of the main sets at 100 B")
    parser.add_argument("--repetitions", type=int)
    parser.add_argument("--seconds", type=float, help="of each measurement")
    parser.add_argument("--values", type=lambda text: [int(word) for word in text.split(",")],
                        help="sizes in bytes, such as 100,1024")
    parser.add_argument("--only", action="append", metavar="TEXT",
                        help="only sets whose name holds TEXT; redis is always there")
    parser.add_argument("--save", action="store_true",
                        help="write bench/baselines/compare.json and the picture of the docs")
    options = parser.parse_args(arguments)
    options.repetitions = options.repetitions or (2 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 2)
    options.values = options.values or (VALUE_SIZES[:1] if options.quick else VALUE_SIZES)
    return options


def chosen_subjects(options):
    names = [subject for subject in servers.SUBJECTS
             if not options.quick or subject.name in servers.QUICK]
    return [subject for subject in names if subject is servers.REDIS or not options.only
            or any(text in subject.name for text in options.only)]


def measure_subject(subject, value_bytes, seconds):
    """{(server, client, command, pipeline, value size): figures} of one fresh set of servers."""
    found = {}
    running = subject.servers()
    try:
        running.start()
        measure.fill(running, value_bytes)
        for client in subject.clients:
            for command in COMMANDS:
                if client.wait_replicas and command == "get":
                    continue  # there is nothing to wait for
                for pipeline in PIPELINES:
                    key = (subject.name, client.name, command, pipeline, value_bytes)
                    found[key] = measure.measure(running, client, command, pipeline, value_bytes,
                                                 seconds)
    finally:
        running.destroy()
    return found


def compare(options):
    """The rows of all repetitions."""
    repetitions = {}
    subjects = chosen_subjects(options)
    for value_bytes in options.values:
        for number in range(options.repetitions):
            turn = number % len(subjects)
            for subject in subjects[turn:] + subjects[:turn]:
                print(f"   {value_bytes} B, repetition {number + 1} of {options.repetitions}: "
                      f"{subject.name}", flush=True)
                found = measure_subject(subject, value_bytes, options.seconds)
                for key, figures in found.items():
                    repetitions.setdefault(key, []).append(figures)
    order = {subject.name: place for place, subject in enumerate(servers.SUBJECTS)}
    names = ("server", "client", "command", "pipeline", "value_bytes")
    return [{**dict(zip(names, key)), "repetitions": figures}
            for key, figures in sorted(repetitions.items(), key=lambda item: order[item[0][0]])]


def footprints(subjects):
    return {subject.name: footprint.footprint(subject) for subject in subjects
            if subject.name in ("redis", "kindred 1 memory")}


def save(result):
    import picture  # needs matplotlib, which nothing else does
    BASELINES.mkdir(parents=True, exist_ok=True)
    path = BASELINES / "compare.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    picture.draw(result["rows"], PICTURE)
    print(f"saved {path.relative_to(ROOT)} and {PICTURE.relative_to(ROOT)}")


def main(arguments):
    options = parse(arguments)
    rows = compare(options)
    index = report.summarise(rows)
    costs = footprints(chosen_subjects(options))
    found = targets.targets(index, costs, instructions.stored())
    print(report.table(rows))
    for name, figures in costs.items():
        print(f"\n{name}: " + ", ".join(f"{key} {value}" for key, value in figures.items()))
    print(targets.table(found))
    if options.save:
        save({"commit": servers.commit(), "connections": measure.CONNECTIONS,
              "keys": measure.KEYS, "seconds": options.seconds, "rows": rows, "footprint": costs})
    return 1 if any(row["errors"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

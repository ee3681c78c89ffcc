"""The ring worked out: ./kindred bench ringsim [--save | COMMAND [OPTION VALUE ...]].

With a command, such as `partitions --nodes 12 --replicas 3`, prints what kindred-ringsim answers.
Without one, prints all of them; --save also writes bench/baselines/ringsim.json and the pictures
of docs/sizing.md.
"""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build" / "release" / "kindred-ringsim"
BASELINE = ROOT / "bench" / "baselines" / "ringsim.json"
IMAGES = ROOT / "docs" / "img"
COMMANDS = ("figure8", "partitions", "hot-keys", "moves", "gossip")


def rows(command):
    """What the program finds with its defaults: a list of dictionaries."""
    out = subprocess.run([PROGRAM, command, "--json"], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    return json.loads(out)


def save():
    import plots  # needs matplotlib, which nothing else does
    found = {command: rows(command) for command in COMMANDS}
    BASELINE.write_text(json.dumps(found, indent=1) + "\n")
    print(f"saved {BASELINE.relative_to(ROOT)}")
    for path in plots.draw_all(found, IMAGES):
        print(f"saved {path.relative_to(ROOT)}")


def main(arguments):
    if arguments == ["--save"]:
        save()
        return 0
    if arguments in (["--help"], ["help"]):
        print(__doc__)
        arguments = ["help"]
    if arguments:
        return subprocess.run([PROGRAM, *arguments], check=False).returncode
    for command in COMMANDS:
        print(f"== {command}", flush=True)
        subprocess.run([PROGRAM, command], check=True)
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

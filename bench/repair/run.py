"""What repair costs: ./kindred bench repair [--keys N] [--save].

Two copies of N keys (a million), of which some differ, are made equal by the server's own exchange;
bytes are those of peer frames. --save writes bench/baselines/repair.json and the picture of
docs/design/anti-entropy.md.
"""

import argparse
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build" / "release" / "kindred-repair"
BASELINE = ROOT / "bench" / "baselines" / "repair.json"
IMAGE = ROOT / "docs" / "img" / "repair-cost.svg"


def bytes_alone(found):
    """Without times: the same on every machine."""
    rows = [{name: value for name, value in row.items() if name != "cpu_ms"}
            for row in found["rows"]]
    return {"keys": found["keys"], "plain_bytes": found["plain_bytes"], "rows": rows}


def draw(found, path):
    import matplotlib  # needed for --save alone
    matplotlib.use("svg")
    import matplotlib.pyplot as pyplot
    matplotlib.rcParams.update({"svg.hashsalt": "kindred", "font.family": "sans-serif"})
    figure, axes = pyplot.subplots(figsize=(7.5, 4.5))
    rows = found["rows"]
    differing = [max(row["differing"], 0.3) for row in rows]  # a place on the scale for none
    axes.plot(differing, [row["tree_bytes"] for row in rows], color="#33658a", marker="o",
              markersize=4, label="comparing by trees")
    axes.plot(differing, [found["plain_bytes"]] * len(rows), color="#c44536", linestyle="--",
              label="comparing lists of all keys")
    axes.plot(differing[1:], [row["state_bytes"] for row in rows[1:]], color="#f6ae2d", marker="s",
              markersize=4, label="the keys that differ, either way")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(differing, [f"{row['differing']:,}" for row in rows], fontsize=8)
    axes.set_xlabel(f"keys that differ, of {found['keys']:,}")
    axes.set_ylabel("bytes between the two nodes")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=9)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})


def main(arguments):
    parser = argparse.ArgumentParser(prog="./kindred bench repair", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args(arguments)
    out = subprocess.run([PROGRAM, str(options.keys)], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    found = json.loads(out)
    print(f"{found['keys']:,} keys; a list of all: {found['plain_bytes']:,} bytes, "
          f"{found['plain_cpu_ms']:.0f} ms of CPU")
    print(f"{'differ':>10} {'trees, bytes':>14} {'states, bytes':>14} {'messages':>10} {'CPU ms':>8}")
    for row in found["rows"]:
        print(f"{row['differing']:>10,} {row['tree_bytes']:>14,} {row['state_bytes']:>14,} "
              f"{row['messages']:>10,} {row['cpu_ms']:>8.0f}")
    if options.save:
        BASELINE.write_text(json.dumps(bytes_alone(found), indent=1) + "\n")
        draw(found, IMAGE)
        print(f"saved {BASELINE.relative_to(ROOT)} and {IMAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

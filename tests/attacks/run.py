"""Attacks on a cluster's ports: tests/attacks/run.py [--connections 2000] [--seconds 60]

First strangers on the client port, against clients that have logged in; then random, replayed and forged
frames on the peer port. Exit code 0: the clients' p99 stayed within twice what it was, the ring and
the data what they were, and memory within bounds. Wants a machine that does little else."""

import argparse
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from attacks import client_port, peer_port  # noqa: E402

ROUNDS = 3
P99_RATIO_MAX = 2.0


def attack_client_port(connections, seconds):
    found = client_port.attack(connections, seconds / (2 * ROUNDS), ROUNDS)
    bound = connections * client_port.BYTES_A_STRANGER + client_port.SLACK_BYTES
    for calm, stormy in found.p99_ms:
        print(f"clients' p99: {calm:.2f} ms, with {connections} strangers {stormy:.2f} ms")
    print(f"ratio of the medians {found.ratio():.2f}, slowest answer {found.slowest_ms:.1f} ms; memory "
          f"grew by {found.grown_bytes >> 20} MB of at most {bound >> 20}; {found.crowd}", flush=True)
    return found.ratio() <= P99_RATIO_MAX and found.grown_bytes <= bound


def attack_peer_port(seconds):
    found = peer_port.attack(seconds)
    print(f"peer port: {found.outsiders} outsiders, {found.tampered} frames tampered with on links of "
          f"members, {found.rejected} rejected; memory grew by {found.grown_bytes >> 20} MB; ring "
          f"{'unchanged' if found.ring_unchanged else 'CHANGED'}", flush=True)
    return found.ring_unchanged and found.grown_bytes <= peer_port.GROWTH_BYTES_MAX


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=60, help="for each of the two ports")
    options = parser.parse_args()
    held = attack_client_port(options.connections, options.seconds)
    held = attack_peer_port(options.seconds) and held
    print("held" if held else "DID NOT HOLD")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

"""One measurement: a closed loop of one kind of request against one set of servers."""

import json
import os
import subprocess

from servers import ROOT

LOADGEN = ROOT / "build" / "release" / "kindred-loadgen"
CONNECTIONS = 50
KEYS = 100000
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
FILL_BATCH = 16


def loadgen(ports, *options):
    """Runs the load generator; returns what it measured."""
    program = os.environ.get("KINDRED_LOADGEN", LOADGEN)
    command = [program, "--ports", ",".join(map(str, ports)), *options]
    done = subprocess.run([str(word) for word in command], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)


def fill(servers, value_bytes, keys=KEYS):
    """Every key once."""
    found = loadgen(servers.ports[:1], "--fill", "--keys", keys, "--value-bytes", value_bytes,
                    "--pipeline", FILL_BATCH)
    if found["errors"]:
        raise RuntimeError(f"filling: {found['errors']} errors, first {found['first_error']}")


def load(servers, client, command, pipeline, value_bytes, *end, connections=CONNECTIONS):
    """`end`: --seconds S or --requests N."""
    wait = ["--wait", client.wait_replicas] if client.wait_replicas else []
    wait += ["--wait-each"] if client.wait_each else []
    return loadgen(servers.ports[:client.coordinators], "--command", command, "--pipeline",
                   pipeline, "--value-bytes", value_bytes, "--keys", KEYS, "--connections",
                   connections, *wait, *end)


def cpu_seconds(servers):
    """User and system time of all the servers' threads."""
    return sum(node.cpu_ticks() for node in servers.nodes) / TICKS_A_SECOND


def measure(servers, client, command, pipeline, value_bytes, seconds):
    """The load's own figures, and the servers' CPU microseconds an operation."""
    before = cpu_seconds(servers)
    found = load(servers, client, command, pipeline, value_bytes, "--seconds", seconds)
    found["cpu_us"] = (cpu_seconds(servers) - before) * 1e6 / max(1, found["operations"])
    return found

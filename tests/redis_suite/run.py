"""Redis's own tests against one node: tests/redis_suite/run.py CHECKOUT [UNIT ...]

CHECKOUT is a source tree of Redis 7.0.15, which is not kept here. Prints for each unit how many tests
passed and which did not; a test that fails on a type that is not there yet, or is explained below,
counts as explained. Exit code 0: nothing else failed."""

import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness.cluster import Cluster  # noqa: E402

TAGS = ("-needs:debug -needs:repl -needs:save -needs:config-maxmemory -needs:config-resetstat "
        "-needs:pfdebug -needs:reset")
BASE_PORT = 25000
UNIT_TIMEOUT_S = 600
NOT_THERE_YET = "not there yet"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")

# Why a test that needs no other type fails, by unit and the start of its name; the page "What differs
# from Redis" says the same.
NO_DATASET_COUNTER = "there is no counter of changes since the last save"
NO_NOTIFICATIONS = "there are no keyspace notifications yet"
NO_SCRIPTS = "there are no scripts yet"
NO_TYPES = "a type that is not there yet"
BUFFERS = "buffers of connections are kept and told in another way"
EXPLAINED = {
    "unit/bitops": {"SETBIT/BITFIELD only increase dirty": NO_DATASET_COUNTER},
    "unit/keyspace": {"COPY basic usage for skiplist": NO_TYPES,
                      "COPY basic usage for hashtable": NO_TYPES},
    "unit/querybuf": {"query buffer": BUFFERS},
    "unit/multi": {
        "EXEC and script": NO_SCRIPTS,
        "MULTI and script": NO_SCRIPTS,
        "MULTI-EXEC body and script": NO_SCRIPTS,
        "MULTI with SAVE": "there are no commands to save",
        "MULTI with config error": "there is no maxmemory to set",
        "just EXEC and script": NO_SCRIPTS,
    },
    "unit/pubsub": {"Keyspace notifications": NO_NOTIFICATIONS},
    "unit/introspection": {
        "CLIENT": BUFFERS,
        "CONFIG": "directives are Kindred's own",
    },
}
UNITS = ("unit/type/string", "unit/type/incr", "unit/bitops", "unit/expire", "unit/keyspace",
         "unit/scan", "unit/protocol", "unit/querybuf", "unit/multi", "unit/pubsub",
         "unit/introspection")


def run_unit(checkout, port, unit):
    """What Redis's runner prints about one unit."""
    command = ["./runtest", "--host", "127.0.0.1", "--port", str(port), "--baseport",
               str(BASE_PORT), "--cluster-mode", "--durable", "--ignore-encoding",
               "--ignore-digest", "--tags", TAGS, "--single", unit]
    try:
        done = subprocess.run(command, cwd=checkout, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=UNIT_TIMEOUT_S, errors="replace")
        output = done.stdout
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode(errors="replace") + "\n[exception]: timed out\n"
    return COLOURS.sub("", output)


def misses_of(output):
    """(name, what was said) of each test that failed, or that ended the unit."""
    body = output.split("!!! WARNING")[0]
    for part in re.split(r"^(?=\[(?:ok|err|exception|skip|ignore|ready|done|testing)\])", body,
                         flags=re.MULTILINE):
        found = re.match(r"\[(?:err|exception)\]:? ?(.*?)(?: in tests/\S+)?\n", part)
        if found:
            yield found.group(1), part


def explanation(unit, name, said):
    if NOT_THERE_YET in said:
        return NO_TYPES
    for start, reason in EXPLAINED.get(unit, {}).items():
        if name.startswith(start):
            return reason
    return None


def main(checkout, units):
    unexplained = 0
    with Cluster(1, {"storage-engine": "memory"}) as cluster:
        for unit in units or UNITS:
            output = run_unit(checkout, cluster.ports[0], unit)
            misses = list(misses_of(output))
            print(f"{unit}: {len(re.findall('^.ok.: ', output, re.MULTILINE))} passed, "
                  f"{len(misses)} not", flush=True)
            for name, said in misses:
                reason = explanation(unit, name, said)
                unexplained += reason is None
                print(f"    {name}: {reason or 'UNEXPLAINED'}", flush=True)
    print(f"{unexplained} unexplained")
    return 0 if unexplained == 0 else 1


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))

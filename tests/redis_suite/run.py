"""Redis's own tests against one node: tests/redis_suite/run.py CHECKOUT [UNIT ...]

CHECKOUT is a source tree of Redis 7.0.15, which is not kept here; it need not be built. Prints for each
unit how many tests passed, how many pass on Redis itself in the same way, and which did not; a test
that fails on a type that is not there yet, or is explained below, counts as explained. Exit code 0:
nothing else failed."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness.cluster import Cluster  # noqa: E402

TAGS = ("-needs:debug -needs:repl -needs:save -needs:config-maxmemory -needs:config-resetstat "
        "-needs:pfdebug -needs:reset")
BASE_PORT = 25000
UNIT_TIMEOUT_S = 120
NOT_THERE_YET = "not there yet"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")

# Why a test that needs no other type fails, by unit and the start of its name; the page "What differs
# from Redis" says the same.
NO_DATASET_COUNTER = "there is no counter of changes since the last save"
NO_SCRIPTS = "there are no scripts yet"
NO_TYPES = "a type that is not there yet"
NO_DEBUG = "there is no DEBUG"
OWN_SERVER = "the rest of the unit wants a server that it configures itself"
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
        "MULTI with config error": "there is no maxmemory to set",
        "just EXEC and script": NO_SCRIPTS,
    },
    "unit/pubsub": {"timed out": "nobody is told of what expires, and the tests wait for it"},
    "unit/acl": {
        "ACL CAT category": NO_SCRIPTS,
        "ACL LOG is able": NO_SCRIPTS,
        "ACL can log errors": NO_SCRIPTS,
        "ACL requires explicit permission for scripting": NO_SCRIPTS,
        "ACLs can block all DEBUG": NO_DEBUG,
        "ACLs set can include": "rules are listed as they were given",
        "Executing test client": OWN_SERVER,
    },
    "unit/auth": {
        "Arbitrary command": "fails on Redis too: the tests' own connection was in already",
        "hentication required": OWN_SERVER,
    },
    "integration/redis-benchmark": {
        "benchmark: connecting using URI with authentication": "directives are Kindred's own",
        "benchmark: full test suite": NO_TYPES,
    },
    "unit/introspection": {
        "CLIENT": BUFFERS,
        "CONFIG": "directives are Kindred's own",
    },
}
# The tests of each unit, and how many of them pass on redis-server 7.0.15 run in this way.
UNITS = {"unit/type/string": 75, "unit/type/incr": 23, "unit/bitops": 45, "unit/expire": 58,
         "unit/keyspace": 41, "unit/scan": 17, "unit/protocol": 19, "unit/querybuf": 2,
         "unit/multi": 31, "unit/pubsub": 29, "unit/introspection": 27, "unit/acl": 71,
         "unit/auth": 8, "integration/redis-cli": 28, "integration/redis-benchmark": 9}
# Marked as not for servers that run already, although most of their tests are.
INTERNAL_UNITS = ("unit/acl", "unit/auth", "integration/redis-benchmark")


def prepared(checkout, folder):
    """A copy of the tests in `folder` that needs no build of Redis."""
    shutil.copy(checkout / "runtest", folder)
    shutil.copytree(checkout / "tests", folder / "tests")
    (folder / "src").mkdir()
    for program in ("redis-cli", "redis-benchmark", "redis-server"):
        (folder / "src" / program).symlink_to(shutil.which(program))
    for unit in INTERNAL_UNITS:
        path = folder / "tests" / f"{unit}.tcl"
        path.write_text(path.read_text().replace("external:skip", ""))
    return folder


def run_unit(checkout, port, unit):
    """What Redis's runner prints about one unit."""
    command = ["./runtest", "--host", "127.0.0.1", "--port", str(port), "--baseport",
               str(BASE_PORT), "--cluster-mode", "--durable", "--ignore-encoding",
               "--ignore-digest", "--tags", TAGS, "--single", unit]
    # A group of their own: the script's tclsh and its clients outlive it, and keep the port.
    runner = subprocess.Popen(command, cwd=checkout, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                              start_new_session=True)
    try:
        output = runner.communicate(timeout=UNIT_TIMEOUT_S)[0]
    except subprocess.TimeoutExpired:
        os.killpg(runner.pid, signal.SIGKILL)
        output = runner.communicate()[0] + "\n[exception]: timed out\n"
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


def run_and_explain(checkout, unit):
    """Runs one unit against a node of its own; the number of misses that nothing explains."""
    unexplained = 0
    with Cluster(1, {"storage-engine": "memory"}) as cluster:
        output = run_unit(checkout, cluster.ports[0], unit)
    passed = len(re.findall("^.ok.: ", output, re.MULTILINE))
    print(f"{unit}: {passed} passed of {UNITS.get(unit, '?')}", flush=True)
    misses = list(misses_of(output))
    if passed == 0 and not misses:
        misses.append(("did not run", output))
        print(output[-1000:])
    for name, said in misses:
        reason = explanation(unit, name, said)
        unexplained += reason is None
        print(f"    {name}: {reason or 'UNEXPLAINED'}", flush=True)
    return unexplained


def main(checkout, units):
    with tempfile.TemporaryDirectory(prefix="kindred-redis-suite-") as folder:
        tests = prepared(pathlib.Path(checkout), pathlib.Path(folder))
        unexplained = sum(run_and_explain(tests, unit) for unit in units or UNITS)
    print(f"{unexplained} unexplained")
    return 0 if unexplained == 0 else 1


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))

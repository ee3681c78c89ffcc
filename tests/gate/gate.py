"""Everything a change must pass, in stages: ./kindred test [--list | STAGE ...].

Each stage returns a Tally; the run closes with the sum, 'N passed, N failed', and its exit code
says whether anything failed. A stage whose subject is not built yet counts as skipped.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time

import bug_tests
import runner
import tally
import tidy
from runner import ROOT, RESULTS
from tally import Tally

PYTHON = "/usr/bin/python3"
SIMULATOR_GATE = ["--seeds", "1000", "--seconds", "30"]
SIMULATOR_SHORT = ["--seeds", "20", "--seconds", "10"]
# Exhaustive searches ask nothing of memory that shorter tests don't ask.
ASAN = "asan-ubsan"
# Tests of the tree itself run once, in the release build.
NOT_OF_THE_TREE = ["--label-exclude", "tree"]
NOT_SANITIZED = {"GTEST_FILTER": "-*SmallWorlds*"}
SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, check=True,
                         text=True, stdout=subprocess.PIPE).stdout
    return [name for name in out.split("\0") if name and (ROOT / name).exists()]


def configure(log, preset):
    command = ["cmake", "--preset", preset, "-Wno-dev", "--log-level=WARNING"]
    if shutil.which("ccache"):
        command.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    return runner.run(log, command)[0]


def build(log, preset, targets=()):
    """Configures and builds; True if that worked."""
    if configure(log, preset) != 0:
        return False
    return runner.run(log, ["ninja", "-C", f"build/{preset}", *targets])[0] == 0


def known_targets(log, preset):
    code, output = runner.run(log, ["ninja", "-C", f"build/{preset}", "-t", "targets", "all"])
    return {line.split(":")[0] for line in output.splitlines()} if code == 0 else set()


def ctest_programs(preset, *selection):
    """The names of the registered tests that `selection` (CTest options) keeps."""
    out = subprocess.run(["ctest", "--test-dir", f"build/{preset}", "--show-only=json-v1",
                          *selection], cwd=ROOT, check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    return [test["name"] for test in json.loads(out)["tests"]]


def test_paths(preset, names):
    """Test program -> where it lies."""
    return {name: next((ROOT / "build" / preset / "tests").rglob(name)) for name in names}


def ctest(log, preset, *selection, environment=None):
    reports = RESULTS / f"ctest-{preset}"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    junit = reports / "junit" / "ctest.xml"
    junit.parent.mkdir()
    env = dict(SANITIZER_ENV, GTEST_OUTPUT=f"xml:{reports}/", GTEST_COLOR="no",
               **(environment or {}))
    code, _ = runner.run(log, ["ctest", "--test-dir", f"build/{preset}", "-j", os.cpu_count(),
                               "--output-on-failure", "--no-tests=error", "--output-junit", junit,
                               *selection], env=env)
    if not junit.exists():
        return Tally(failed=1)
    total = tally.of_ctest(junit, reports)
    if code != 0 and total.failed == 0:
        total.failed = 1
    return total


def program(preset, name):
    return ROOT / "build" / preset / name


def simulate(log, preset, arguments):
    env = dict(SANITIZER_ENV)
    code, output = runner.run(log, [program(preset, "kindred-sim"), *arguments], env=env)
    return tally.of_closing_line(code, output)


# ---- stages, in the order in which they run ----

def stage_format(log):
    """clang-format over every C++ file, shellcheck over the scripts."""
    total = Tally()
    cpp = tracked("*.cc", "*.h")
    if cpp:
        total += tally.of_exit_code(
            runner.run(log, ["clang-format-14", "--dry-run", "-Werror", *cpp])[0])
    scripts = ["kindred", ".ci/run", *tracked("*.sh")]
    return total + tally.of_exit_code(runner.run(log, ["shellcheck", *scripts])[0])


def stage_build(log):
    """The release build."""
    return tally.of_exit_code(0 if build(log, "release") else 1)


def stage_units(log):
    """Units, engine conformance, scenarios, structure: everything CTest knows."""
    if not build(log, "release"):
        return Tally(failed=1)
    return ctest(log, "release")


def stage_tidy(log):
    """clang-tidy over the product."""
    if not build(log, "release"):
        return Tally(failed=1)
    clean, dirty = tidy.run(log)
    return Tally(passed=clean, failed=dirty)


def stage_simulator(log):
    """The simulator's gate: many seeds, each a whole cluster's life."""
    if not build(log, "release"):
        return Tally(failed=1)
    if "kindred-sim" not in known_targets(log, "release"):
        return Tally(skipped=1)
    return simulate(log, "release", SIMULATOR_GATE)


def stage_bug_bank(log):
    """Every deliberate bug is caught at its known seed, or by its test."""
    if configure(log, "bug-bank") != 0:
        return Tally(failed=1)
    if "kindred-sim" not in known_targets(log, "bug-bank"):
        return Tally(skipped=1)
    names = sorted({program for _, program, _ in bug_tests.known()})
    if not build(log, "bug-bank", ["kindred-sim", *names]):
        return Tally(failed=1)
    return (simulate(log, "bug-bank", ["--replay-bug-bank"])
            + bug_tests.run(log, test_paths("bug-bank", names)))


def stage_e2e(log):
    """A real cluster under real clients."""
    if not build(log, "release"):
        return Tally(failed=1)
    if not program("release", "kindred-server").exists():
        return Tally(skipped=1)
    code, output = runner.run(log, [PYTHON, "tests/e2e/run.py"])
    return tally.of_closing_line(code, output)


def stage_instructions(log):
    """Instructions and syscalls an operation, against the stored baseline."""
    if not build(log, "release"):
        return Tally(failed=1)
    baseline = ROOT / "bench" / "baselines" / "instructions.json"
    if not baseline.exists() or not program("release", "kindred-server").exists():
        return Tally(skipped=1)
    code, output = runner.run(log, [PYTHON, "bench/instructions.py", "--check", baseline])
    return tally.of_closing_line(code, output)


def asan_targets(log):
    """What the stage asan-ubsan builds; empty where the preset can't be configured."""
    if configure(log, ASAN) != 0:
        return []
    everything = known_targets(log, ASAN)
    return [name for name in [*ctest_programs(ASAN, *NOT_OF_THE_TREE), "kindred-sim"]
            if name in everything]


def stage_asan(log):
    """Units and a short simulation, built with clang, under its memory and UB sanitizers."""
    targets = asan_targets(log)
    if not targets or not build(log, ASAN, targets):
        return Tally(failed=1)
    return (ctest(log, ASAN, *NOT_OF_THE_TREE, environment=NOT_SANITIZED)
            + simulate(log, ASAN, SIMULATOR_SHORT))


def stage_tsan(log):
    """The tests labelled `threads`, and nodes of many workers, under the thread sanitizer."""
    preset, selection = "tsan", ["--label-regex", "^threads$"]
    if configure(log, preset) != 0:
        return Tally(failed=1)
    names = ctest_programs(preset, *selection)
    if not names:
        return Tally(skipped=1)
    if not build(log, preset, [*names, "kindred-server"]):
        return Tally(failed=1)
    env = dict(SANITIZER_ENV, KINDRED_SERVER=str(program(preset, "kindred-server")))
    code, output = runner.run(log, [PYTHON, "tests/e2e/run.py", "WorkersTest"], env=env)
    return ctest(log, preset, *selection) + tally.of_closing_line(code, output)


STAGES = {
    "format": stage_format,
    "build": stage_build,
    "units": stage_units,
    "tidy": stage_tidy,
    "simulator": stage_simulator,
    "bug-bank": stage_bug_bank,
    "e2e": stage_e2e,
    "instructions": stage_instructions,
    ASAN: stage_asan,
    "tsan": stage_tsan,
}


def background(log, name, following):
    """What runs beside a stage: the end-to-end tests mostly wait, so a later stage's build gets on."""
    targets = asan_targets(log) if name == "e2e" and ASAN in following else []
    if not targets:
        return contextlib.nullcontext()
    return runner.meanwhile(log, ["ninja", "-C", f"build/{ASAN}", *targets])


def run_stage(name, following):
    print(f"== {name}", flush=True)
    started = time.monotonic()
    log = runner.Log(name)
    try:
        with background(log, name, following):
            result = STAGES[name](log)
    except Exception as error:  # A stage that breaks is a failed stage, not the end of the run.
        log.write(f"the stage itself failed: {error!r}")
        result = Tally(failed=1)
    log.close()
    if result.failed:
        print("\n".join(log.tail()))
        print(f"   whole log: {log.path.relative_to(ROOT)}")
    print(f"   {name}: {result} in {time.monotonic() - started:.0f} s", flush=True)
    return result


def main(arguments):
    if arguments == ["--list"]:
        for name, stage in STAGES.items():
            print(f"{name:14}{stage.__doc__}")
        return 0
    unknown = [name for name in arguments if name not in STAGES]
    if unknown:
        print(f"unknown stage {unknown[0]}; there are: {' '.join(STAGES)}", file=sys.stderr)
        return 2
    total = Tally()
    names = arguments or list(STAGES)
    for place, name in enumerate(names):
        total += run_stage(name, names[place + 1:])
    print(total)
    return 0 if total.failed == 0 and total.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

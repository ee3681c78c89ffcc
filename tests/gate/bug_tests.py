"""Deliberate bugs that tests catch, not the simulator: the lines of the seeds' file that say `test`.

Each names a test program and a filter: with the bug switched on (KINDRED_BUG) it must fail, without
it pass. Only programs of the preset bug-bank have the bugs compiled in.
"""

import os
import subprocess

from runner import ROOT
from tally import Tally

SEEDS = ROOT / "tests" / "sim" / "bug_bank_seeds.txt"
TIMEOUT_S = 120


def known():
    """[(bug, program, filter)]"""
    found = []
    for line in SEEDS.read_text().splitlines():
        words = line.split()
        if len(words) == 4 and words[1] == "test":
            found.append((words[0], words[2], words[3]))
    return found


def run(log, programs):
    """`programs` maps a program's name to its path. The tally: one a bug."""
    total = Tally()
    for bug, program, tests in known():
        noticed = not passes(log, programs[program], tests, bug)
        sound = passes(log, programs[program], tests, "")
        good = noticed and sound
        log.write(f"{bug:28} {'caught by' if good else 'NOT CAUGHT by' if sound else 'FAILS WITHOUT IT:'} "
                  f"{tests}")
        total += Tally(passed=1) if good else Tally(failed=1)
    return total


def passes(log, path, tests, bug):
    """Whether the tests ran and passed; a crash or an endless loop is a failure like any other."""
    env = dict(os.environ, KINDRED_BUG=bug)
    try:
        done = subprocess.run([path, f"--gtest_filter={tests}", "--gtest_brief=1"], cwd=ROOT, env=env,
                              text=True, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    if not bug and done.returncode != 0:
        log.write(done.stdout + done.stderr)
    return done.returncode == 0 and "[  PASSED  ] 0 tests" not in done.stdout

"""The rules on files and words. A rule is a function of a Tree that yields its complaints."""

import re

from tree import CPP, lines_matching, without_quotes

TOP_LEVEL = {
    "CHANGELOG.md", "CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "bench", "conf",
    "docs", "examples", "kindred", "plugins", "protocol", "replication", "server", "tests",
}
LINES_A_FILE = 600
SELF = "tests/structure/"  # these files name what they forbid
WAITING = "tests/harness/wait.py"  # the one place that may sleep, between looks at a condition

UNFINISHED = re.compile(r"\b(TODO|FIXME)\b")
RETIRED_WORDS = re.compile(r"master|slave", re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w.])/(work|home|root|tmp)/")
CPP_SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(")
PYTHON_SLEEP = re.compile(r"\btime\.sleep\b|\bimport sleep\b")
CLOCK = re.compile(r"_clock::now|\bgettimeofday\b|\bclock_gettime\b|\btime\((nullptr|NULL|0)\)")


def top_level(tree):
    """Rule: the top of the tree holds nothing but its known entries."""
    for entry in sorted({name.split("/")[0] for name in tree.files}):
        if entry not in TOP_LEVEL and not entry.startswith("."):
            yield f"{entry}: not an entry of the top level"


def file_length(tree):
    """Rule: a source file can be read in one sitting."""
    scripts = [name for name in tree.files if tree.is_text(name) and tree.is_script(name)]
    for name in tree.named(*CPP, ".py", ".sh", "CMakeLists.txt") + scripts:
        length = tree.text(name).count("\n")
        if length > LINES_A_FILE:
            yield f"{name}: {length} lines, more than {LINES_A_FILE}"


def pragma_once(tree):
    """Rule: a header starts with #pragma once, after comments at most."""
    for name in tree.named(".h"):
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", tree.text(name), flags=re.DOTALL)
        if not code.lstrip().startswith("#pragma once"):
            yield f"{name}: does not start with #pragma once"


def unfinished(tree):
    """Rule: what is left to do is no comment."""
    yield from search(tree, UNFINISHED, "unfinished")


def machine_paths(tree):
    """Rule: no path of somebody's machine."""
    yield from search(tree, MACHINE_PATH, "a path of one machine")


def search(tree, pattern, problem):
    for name in tree.files:
        if tree.is_text(name) and not name.startswith(SELF):
            for number, line in lines_matching(pattern, tree.text(name)):
                yield f"{name}:{number}: {problem}: {line.strip()}"


def retired_words(tree):
    """Rule: the two words are Redis's, and stand only where Redis's own replies are quoted."""
    for name in tree.named(*CPP, ".py", ".md", ".txt", ".conf"):
        if not name.startswith(SELF):
            text = without_quotes(name, tree.text(name))
            for number, _ in lines_matching(RETIRED_WORDS, text):
                yield f"{name}:{number}: not a word of the glossary, except in quotes"


def sleeping_tests(tree):
    """Rule: no test takes a sleep for synchronisation."""
    for name in tree.named(*CPP, ".py"):
        if name.startswith("tests/") and not name.startswith(SELF) and name != WAITING:
            pattern = PYTHON_SLEEP if name.endswith(".py") else CPP_SLEEP
            for number, line in lines_matching(pattern, without_quotes(name, tree.text(name))):
                yield f"{name}:{number}: sleeps: {line.strip()}"


def clockless_decisions(tree):
    """Rule: replication/ reads no clock."""
    for name in tree.named(*CPP):
        if name.startswith("replication/"):
            for number, line in lines_matching(CLOCK, without_quotes(name, tree.text(name))):
                yield f"{name}:{number}: reads a clock: {line.strip()}"

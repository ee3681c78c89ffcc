"""clang-tidy over the product's sources, skipping what was clean with the same bytes before.

What makes a source's result: its own bytes, the bytes of every header it includes (as Ninja
recorded them), its compile command, .clang-tidy, and clang-tidy's version. Their hash names an
empty file in the cache, which lives outside the checkout so that a fresh clone gains from it.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess

from runner import ROOT

TIDY = "clang-tidy-14"
BUILD = ROOT / "build" / "release"
EXCLUDED = ("tests", "bench", "examples")


def cache_dir():
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(home) / "kindred-tidy"


def sources():
    """The compile commands to check: [(path below the root, command line)]."""
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    chosen = {}
    for entry in entries:
        path = pathlib.Path(entry["file"])
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] not in EXCLUDED:
            chosen[str(path.relative_to(ROOT))] = entry["command"]
    return sorted(chosen.items())


def dependencies():
    """Object file -> the headers Ninja saw it include."""
    text = subprocess.run(["ninja", "-C", str(BUILD), "-t", "deps"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    found, current = {}, None
    for line in text.splitlines():
        if line.startswith("    "):
            found[current].append(line.strip())
        elif ": #deps" in line:
            current = line.split(": #deps")[0]
            found[current] = []
    return found


class Hasher:
    """Hashes files, each read once a run."""

    def __init__(self):
        self._known = {}

    def file(self, path):
        if path not in self._known:
            full = pathlib.Path(path) if os.path.isabs(path) else BUILD / path
            try:
                self._known[path] = hashlib.sha256(full.read_bytes()).hexdigest()
            except OSError:
                self._known[path] = "absent"
        return self._known[path]


def fingerprints():
    """[(source path, fingerprint)] of everything to check."""
    hasher, includes = Hasher(), dependencies()
    version = subprocess.run([TIDY, "--version"], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    settings = (ROOT / ".clang-tidy").read_text()
    result = []
    for path, command in sources():
        words = command.split()
        output = words[words.index("-o") + 1]
        digest = hashlib.sha256()
        # The checkout's own place must not matter.
        digest.update((version + settings + command.replace(str(ROOT), "")).encode())
        for header in sorted(includes[output]) + [str(ROOT / path)]:
            digest.update(header.replace(str(ROOT), "").encode() + hasher.file(header).encode())
        result.append((path, digest.hexdigest()))
    return result


def check(path):
    """Runs clang-tidy on one source: (path, exit code, findings)."""
    done = subprocess.run([TIDY, "-p", str(BUILD), "--quiet", path], cwd=ROOT, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    findings = done.stdout
    if done.returncode != 0 and "error:" not in findings:
        findings += done.stderr
    return path, done.returncode, findings


def run(log):
    """Checks all sources; returns (number clean, number with findings)."""
    cache = cache_dir()
    cache.mkdir(parents=True, exist_ok=True)
    everything = fingerprints()
    marks = {path: cache / fingerprint for path, fingerprint in everything}
    stale = [path for path, _ in everything if not marks[path].exists()]
    log.write(f"{len(everything) - len(stale)} of {len(everything)} sources were clean before")
    clean, dirty = len(everything) - len(stale), 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, code, findings in pool.map(check, stale):
            log.write(f"[{clean + dirty + 1}/{len(everything)}] {path}")
            if code == 0:
                marks[path].touch()
                clean += 1
            else:
                log.write(findings)
                dirty += 1
    return clean, dirty

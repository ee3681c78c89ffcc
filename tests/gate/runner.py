"""Runs one command of a stage: everything into its log, a sign of life on the terminal."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "build" / "test-results"
LINES_SHOWN_OF_A_FAILURE = 60
SECONDS_BETWEEN_SIGNS_OF_LIFE = 15


class Log:
    """The log of one stage, shown as it grows: each line on a terminal, now and then elsewhere."""

    def __init__(self, stage):
        RESULTS.mkdir(parents=True, exist_ok=True)
        self.path = RESULTS / f"{stage}.log"
        self._file = self.path.open("w", encoding="utf-8")
        self._stage = stage
        self._shown_at = time.monotonic()
        self._terminal = sys.stdout.isatty()

    def write(self, line):
        self._file.write(line if line.endswith("\n") else line + "\n")
        self._file.flush()
        text = line.rstrip()
        if self._terminal:
            width = os.get_terminal_size().columns - 1
            print("\r\033[K" + f"   {text}"[:width], end="", flush=True)
        elif time.monotonic() - self._shown_at > SECONDS_BETWEEN_SIGNS_OF_LIFE:
            self._shown_at = time.monotonic()
            print(f"   {self._stage}: {text[:120]}", flush=True)

    def close(self):
        self._file.close()
        if self._terminal:
            print("\r\033[K", end="", flush=True)

    def tail(self):
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-LINES_SHOWN_OF_A_FAILURE:]


def run(log, command, env=None, timeout_s=None):
    """Runs `command` at the root and returns (exit code, output). A timeout is exit code 124."""
    command = [str(word) for word in command]
    log.write("$ " + " ".join(command))
    environment = dict(os.environ, **(env or {}))
    if timeout_s is not None:
        command = ["timeout", "--kill-after=10", str(timeout_s)] + command
    process = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, errors="replace",
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    lines = []
    for line in process.stdout:
        lines.append(line)
        log.write(line)
    return process.wait(), "".join(lines)


@contextlib.contextmanager
def meanwhile(log, command):
    """`command` runs at the lowest priority while the body does, and is interrupted at its end. It must
    take that well and its result must not matter, as a build's that another stage completes."""
    log.write("$ (meanwhile) " + " ".join(command))
    process = subprocess.Popen(["nice", "-n", "19", *command], cwd=ROOT, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()

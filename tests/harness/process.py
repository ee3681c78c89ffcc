"""One server process and its log."""

import atexit
import os
import pathlib
import random
import signal
import socket
import subprocess
import weakref

from harness.wait import wait_until

STOP_TIMEOUT_S = 30
_alive = weakref.WeakSet()
_given_out = set()


def free_port():
    """A loopback port free now, given out once, below the range that outgoing sockets take."""
    while True:
        port = random.randint(12000, 31000)
        if port in _given_out:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given_out.add(port)
        return port


class ServerFailed(Exception):
    """A server ended by itself; the message holds the end of its log."""


class Process:
    """A child process; ended at the latest when this one exits."""

    def __init__(self, name, command, folder):
        self.name = name
        self.command = [str(word) for word in command]
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log_path = self.folder / "log"
        self._child = None
        self._log_start = 0

    @property
    def pid(self):
        return self._child.pid

    def start(self, extra=()):
        """Starts the process; its log goes on where an earlier run's ended."""
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            self._child = subprocess.Popen(self.command + list(extra), stdin=subprocess.DEVNULL,
                                           stdout=log, stderr=subprocess.STDOUT, cwd=self.folder)
        _alive.add(self)

    def alive(self):
        return self._child is not None and self._child.poll() is None

    def log(self):
        """What this run has logged."""
        with self.log_path.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace")

    def wait_for_log(self, text, timeout_s):
        def seen():
            if text in self.log():
                return True
            if not self.alive():
                raise ServerFailed(f"{self.name} ended with {self._child.returncode}:\n"
                                   + self.log()[-3000:])
            return False
        wait_until(seen, timeout_s, f"{self.name} logs '{text}'")

    def kill(self):
        """kill -9, and gone when this returns."""
        if self.alive():
            self._child.kill()
        if self._child is not None:
            self._child.wait()

    def pause(self):
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)

    def stop(self):
        """Asks it to stop and returns its exit code; a process that doesn't heed is an error."""
        if self._child is None:
            return None
        if self.alive():
            self._child.terminate()
        try:
            return self._child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"{self.name} did not stop within {STOP_TIMEOUT_S} s:\n"
                               + self.log()[-3000:]) from None

    def wait_end(self, timeout_s=STOP_TIMEOUT_S):
        """The exit code of a process that ends by itself."""
        return self._child.wait(timeout_s)

    def cpu_ticks(self):
        """User and system clock ticks of all its threads."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])


@atexit.register
def _end_all():
    for process in list(_alive):
        process.kill()

"""Builds and runs the fuzzers: ./kindred fuzz [--seconds N] [NAME ...].

What a run finds goes to build/fuzz/findings; new inputs that reach new code go to
build/fuzz/corpus/<name>, so that a later run goes on from there. The kept corpus is only read.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "fuzz"


def build():
    configure = ["cmake", "--preset", "fuzz", "-Wno-dev", "--log-level=WARNING"]
    if shutil.which("ccache"):
        configure.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    subprocess.run(configure, cwd=ROOT, check=True)
    subprocess.run(["ninja", "-C", str(BUILD), "fuzzers"], check=True)


def fuzzers():
    """{name: (program, folder of its kept corpus)}"""
    programs = {path.name: path for path in BUILD.rglob("*") if path.is_file()
                and os.access(path, os.X_OK)}
    lines = (BUILD / "fuzzers.txt").read_text().splitlines()
    return {name: (programs[name], ROOT / "tests" / "fuzz" / room / "corpus")
            for name, room in (line.split() for line in lines)}


def fuzz(name, program, kept, seconds):
    """True if `seconds` of fuzzing found nothing."""
    grown, findings = BUILD / "corpus" / name, BUILD / "findings" / name
    for folder in (grown, findings):
        folder.mkdir(parents=True, exist_ok=True)
    words = [f"-dict={path}" for path in kept.parent.glob("*.dict")]
    command = [program, *words, f"-max_total_time={seconds}", "-rss_limit_mb=2048", "-timeout=10",
               "-print_final_stats=1", f"-artifact_prefix={findings}/", grown]
    if kept.is_dir():
        command.append(kept)
    print(f"== {name}: {seconds} s", flush=True)
    return subprocess.run([str(word) for word in command], cwd=ROOT).returncode == 0


def main():
    parser = argparse.ArgumentParser(prog="./kindred fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for each fuzzer")
    parser.add_argument("name", nargs="*")
    arguments = parser.parse_args()
    build()
    known = fuzzers()
    unknown = [name for name in arguments.name if name not in known]
    if unknown:
        parser.error(f"no fuzzer {unknown[0]}; there are: {' '.join(known)}")
    results = {name: fuzz(name, *known[name], arguments.seconds)
               for name in arguments.name or known}
    for name, clean in results.items():
        print(f"{name}: {'no finding' if clean else 'FOUND SOMETHING'}")
    passed = sum(results.values())
    print(f"{passed} passed, {len(results) - passed} failed")
    return 0 if results and passed == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())

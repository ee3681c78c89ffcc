"""Counts of passed, failed and skipped tests, read from what the test programs write."""

import dataclasses
import re
import xml.etree.ElementTree as ElementTree


@dataclasses.dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Tally(self.passed + other.passed, self.failed + other.failed,
                     self.skipped + other.skipped)

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


def of_exit_code(code):
    return Tally(passed=1) if code == 0 else Tally(failed=1)


CLOSING_LINE = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.MULTILINE)


def of_closing_line(code, output):
    """The last line 'N passed, N failed' of a program, or else its exit code.

    A program that ended badly counts as a failure even if its own count has none.
    """
    found = CLOSING_LINE.findall(output)
    if not found:
        return of_exit_code(code)
    tally = Tally(*(int(number or 0) for number in found[-1]))
    if code != 0 and tally.failed == 0:
        tally.failed = 1
    return tally


def of_gtest(path):
    """The tally of one GoogleTest XML report."""
    root = ElementTree.parse(path).getroot()
    tally = Tally()
    for case in root.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failed += 1
        elif case.get("status") != "run" or case.get("result") == "skipped":
            tally.skipped += 1
        else:
            tally.passed += 1
    return tally


def of_ctest(junit_path, gtest_dir):
    """The tally of a CTest run: its JUnit report, with GoogleTest's own counts where they exist.

    A program that CTest calls failed counts as a failure whatever its report says: it may have
    crashed after the report was written.
    """
    total = Tally()
    for case in ElementTree.parse(junit_path).getroot().iter("testcase"):
        status = case.get("status")
        report = gtest_dir / f"{case.get('name')}.xml"
        if status in ("notrun", "disabled"):
            skipped = case.find("skipped") is not None
            total += Tally(skipped=1) if skipped else Tally(failed=1)
        elif report.exists():
            tally = of_gtest(report)
            if status != "run" and tally.failed == 0:
                tally.failed = 1
            total += tally
        else:
            total += of_exit_code(0 if status == "run" else 1)
    return total

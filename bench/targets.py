"""The targets: each figure of one run beside its goal and its stretch."""

import dataclasses

from report import paired

VALUE_BYTES = 100


@dataclasses.dataclass(frozen=True)
class Target:
    name: str
    value: float
    goal: float
    stretch: float
    at_least: bool = False

    def verdict(self):
        if self.value is None:
            return "not measured"
        for bound, word in ((self.stretch, "stretch"), (self.goal, "goal")):
            if self.value >= bound if self.at_least else self.value <= bound:
                return word
        return "missed"


def ratio(index, mine, base, figure, command, pipeline):
    """A paired ratio between two (server, client) pairs at one load, or None."""
    load = (command, pipeline, VALUE_BYTES)
    rows = index.get((*mine, *load)), index.get((*base, *load))
    return paired(*rows, figure) if all(rows) else None


CPU_TARGETS = (  # (words, server, client, pipeline, goal, stretch)
    ("one node, CPU against redis", "kindred 1 memory", "plain", 1, 0.95, 0.85),
    ("one node, CPU against redis", "kindred 1 memory", "plain", 16, 0.8, 0.5),
    ("three nodes, CPU against one redis", "kindred 3 memory", "one coordinator", 1, 1.9, 1.5),
    ("three nodes, CPU against one redis", "kindred 3 memory", "one coordinator", 16, 2.0, 1.3),
)
THROUGHPUT_TARGETS = ((1, 1.5, 1.8), (16, 5, 8))  # (pipeline, goal, stretch)
FOOTPRINT_TARGETS = (  # (words, figure, goal, stretch)
    ("memory over key and value, bytes a key", "overhead_bytes", 94, 60),
    ("idle CPU of an empty node, ms a second", "idle_ms_per_s", 0.5, 0.2),
    ("start of an empty node, ms", "start_ms", 50, 20),
)
COUNT_TARGETS = (  # (words, figure, goal, stretch)
    ("instructions a quorum SET, all nodes", "three_nodes_set_instructions", 8000, 5000),
    ("syscalls a quorum SET, all nodes", "three_nodes_set_syscalls", 18, 14),
)


def targets(index, footprint, counts):
    """All targets, with None where this run has no figure."""
    found = []
    for words, server, client, pipeline, goal, stretch in CPU_TARGETS:
        for command in ("set", "get"):
            value = ratio(index, (server, client), ("redis", "plain"), "cpu_us", command, pipeline)
            found.append(Target(f"{words}, {command.upper()} P={pipeline}", value, goal, stretch))
    for pipeline, goal, stretch in THROUGHPUT_TARGETS:
        value = ratio(index, ("kindred 3 memory", "one coordinator"),
                      ("redis + 2 replicas", "WAIT 1 each write"), "ops_per_s", "set", pipeline)
        words = f"three nodes, operations against redis + WAIT 1 each, P={pipeline}"
        found.append(Target(words, value, goal, stretch, at_least=True))
    mine = footprint.get("kindred 1 memory", {})
    found += [Target(words, mine.get(figure), goal, stretch)
              for words, figure, goal, stretch in FOOTPRINT_TARGETS]
    found += [Target(words, counts.get(figure), goal, stretch)
              for words, figure, goal, stretch in COUNT_TARGETS]
    return found


def table(found):
    heading = "target (memory engine, values of 100 B)"
    lines = [f"\n{heading:64}{'here':>9}{'goal':>9}{'stretch':>9}"]
    for target in found:
        sign = ">=" if target.at_least else "<="
        value = "-" if target.value is None else f"{target.value:.2f}"
        lines.append(f"{target.name:64}{value:>9}{sign + str(target.goal):>9}"
                     f"{sign + str(target.stretch):>9}  {target.verdict()}")
    return "\n".join(lines)

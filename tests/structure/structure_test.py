"""Holds the tree against its rules; prints every complaint."""

import pathlib
import sys

import arrows
import links
import packages
import rules
from tree import Tree

RULES = (
    arrows.include_arrows, links.index_is_whole, links.page_links, packages.package_list, rules.clockless_decisions,
    rules.file_length, rules.machine_paths, rules.pragma_once, rules.retired_words,
    rules.sleeping_tests, rules.top_level, rules.unfinished,
)


def complaints(root):
    """[(rule's name, complaint)] about the tree at `root`."""
    tree = Tree(root)
    return [(rule.__name__, text) for rule in RULES for text in rule(tree)]


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    found = complaints(root)
    for rule, text in found:
        print(f"{rule}: {text}")
    print(f"{len(RULES)} rules, {len(found)} complaints")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""Links of the pages."""

import posixpath
import re

from tree import CODE_SPAN, blank

INDEX = "docs/index.md"
GENERATED = "docs/commands/"  # reached through docs/commands.md
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)[^)]*\)")
HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)
ELSEWHERE = ("http://", "https://", "mailto:")


def anchor(heading):
    """The anchor that the usual renderers make of a heading."""
    text = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return text.replace(" ", "-")


def anchors(text):
    return {anchor(heading) for heading in HEADING.findall(text)}


def page_links(tree):
    """Rule: a link between pages leads somewhere."""
    for name in tree.named(".md"):
        for target in LINK.findall(CODE_SPAN.sub(blank, tree.text(name))):
            if target.startswith(ELSEWHERE):
                continue
            path, _, fragment = target.partition("#")
            folder = posixpath.dirname(name)
            page = posixpath.normpath(posixpath.join(folder, path)) if path else name
            if not (tree.root / page).exists():
                yield f"{name}: {target}: there is no {page}"
            elif fragment and page.endswith(".md") and fragment not in anchors(tree.text(page)):
                yield f"{name}: {target}: {page} has no such heading"


def index_is_whole(tree):
    """Rule: the index leads to every page."""
    if INDEX not in tree.files:
        return
    targets = {posixpath.normpath(posixpath.join("docs", target.partition("#")[0]))
               for target in LINK.findall(tree.text(INDEX))}
    for name in tree.named(".md"):
        if name.startswith("docs/") and not name.startswith(GENERATED):
            if name not in targets and name != INDEX:
                yield f"{INDEX}: no link to {name}"

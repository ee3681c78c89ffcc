"""Links of the pages."""

import posixpath
import re

from tree import CODE_SPAN, blank

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

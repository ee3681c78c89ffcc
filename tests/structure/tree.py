"""The files of a checkout, read once, for the rules to look at."""

import functools
import pathlib
import re
import subprocess

CPP = (".cc", ".h", ".c")
BINARY = (".png", ".bin", ".gz", ".ico")


class Tree:
    """A checkout: what Git tracks or would track; a folder without Git is taken whole."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = sorted(name for name in self._names() if (self.root / name).is_file())

    def _names(self):
        if (self.root / ".git").exists():
            out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others",
                                  "--exclude-standard"], cwd=self.root, check=True,
                                 stdout=subprocess.PIPE).stdout
            return {name for name in out.decode().split("\0") if name}
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*")}

    def is_text(self, name):
        return not name.endswith(BINARY) and "/corpus/" not in name

    @functools.lru_cache(maxsize=None)
    def text(self, name):
        return (self.root / name).read_text(encoding="utf-8", errors="replace")

    def named(self, *endings):
        return [name for name in self.files if name.endswith(endings)]

    def is_script(self, name):
        return "." not in pathlib.PurePath(name).name and self.text(name).startswith("#!")


LITERAL = re.compile(
    r'R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)"'  # a raw string
    r'|"""(?:.|\n)*?"""'
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'(?:[^'\\\n]|\\.)*'",
    re.DOTALL)
CODE_SPAN = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def without_quotes(name, text):
    """`text` with string literals (in a page: code spans) blanked, lines kept."""
    return (CODE_SPAN if name.endswith(".md") else LITERAL).sub(blank, text)


def lines_matching(pattern, text):
    return [(number, line) for number, line in enumerate(text.splitlines(), 1)
            if pattern.search(line)]

"""Which folder may include what (the arrows of the design's first table)."""

import re

from tree import CPP

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
STANDARD = re.compile(r"^[a-z_]+$")
POSIX = {
    "arpa/inet.h", "dirent.h", "dlfcn.h", "errno.h", "fcntl.h", "malloc.h", "netdb.h",
    "netinet/in.h", "netinet/tcp.h", "poll.h", "pthread.h", "sched.h", "signal.h", "stdbool.h", "stddef.h",
    "stdint.h", "string.h", "sys/epoll.h", "sys/eventfd.h", "sys/file.h", "sys/mman.h",
    "sys/random.h", "sys/resource.h", "sys/socket.h", "sys/stat.h", "sys/statvfs.h",
    "sys/syscall.h", "sys/time.h", "sys/types.h", "sys/uio.h", "sys/un.h", "sys/utsname.h",
    "sys/wait.h", "time.h", "unistd.h",
}
COMPILER = {"immintrin.h", "nmmintrin.h", "emmintrin.h", "arm_neon.h", "arm_acle.h"}
# A decision takes time, chance and liveness as arguments, and touches nothing outside.
NOT_FOR_DECISIONS = {
    "barrier", "condition_variable", "csignal", "ctime", "filesystem", "fstream", "future",
    "iostream", "latch", "mutex", "random", "semaphore", "shared_mutex", "stop_token", "thread",
}
PRODUCT = ("replication", "protocol", "plugins", "server")
SERVER_LIBRARIES = ("boost/", "spdlog/", "fmt/", "nlohmann/", "openssl/", "xxhash.h")
TRANSFER = "server/transfer/"
ENGINE_LIBRARIES = {"rocksdb": ("rocksdb/",), "redis": ("hiredis/",), "lmdb": ("lmdb.h",),
                    "resolvers": ("nlohmann/",)}


def allowed_own(path, included):
    """May `path` include the project's own header `included`?"""
    room, target = path.split("/"), included.split("/")
    if room[0] == "replication":
        return target[0] == "replication"
    if room[0] == "protocol":
        return target[0] in ("protocol", "replication")
    if room[0] == "plugins":
        return target[0] == "plugins" and target[1] in ("api", room[1])
    if target[0] == "server":
        return room[0] in ("server", "tests")
    return True


def allowed_library(path, included):
    """May `path` include <included>?"""
    room = path.split("/")
    if room[0] not in PRODUCT:
        return True
    if included == "uv.h" or included.startswith("uv/"):
        return path.startswith("server/io/")
    if STANDARD.match(included):
        return room[0] != "replication" or included not in NOT_FOR_DECISIONS
    if included.startswith("boost/") or included in COMPILER:
        return True
    if room[0] == "replication":
        return False
    if room[0] == "protocol":
        return included == "xxhash.h" or included.startswith("openssl/")
    if included in POSIX:
        return True
    if room[0] == "plugins":
        return included.startswith(ENGINE_LIBRARIES.get(room[1], ("\0",)))
    if path.startswith(TRANSFER) and included.startswith("hiredis/"):
        return True  # a program of its own, which is a client
    return included.startswith(SERVER_LIBRARIES)


def complaint(tree, path, mark, included):
    """What is wrong with one include line, or None."""
    if mark == "<":
        return None if allowed_library(path, included) else f"may not include <{included}>"
    if path.startswith("examples/"):
        return None  # built out of tree, against installed headers
    if not (tree.root / included).is_file():
        return f'include "{included}" from the root of the tree'
    return None if allowed_own(path, included) else f'may not include "{included}"'


def include_arrows(tree):
    """Rule: every include follows the arrows."""
    for path in tree.named(*CPP):
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            found = INCLUDE.match(line)
            problem = found and complaint(tree, path, *found.groups())
            if problem:
                yield f"{path}:{number}: {problem}"

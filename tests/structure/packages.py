"""conf/packages.txt against what CMake looks up."""

import re

from tree import CPP

LIST = "conf/packages.txt"
# CMake's or pkg-config's name -> Debian's package; None: comes with the compiler or CMake.
PACKAGE_OF = {
    "benchmark": "libbenchmark-dev", "Boost": "libboost-dev", "fmt": "libfmt-dev",
    "GTest": "libgtest-dev", "GTest::gmock": "libgmock-dev", "hiredis": "libhiredis-dev",
    "libuv": "libuv1-dev",
    "libxxhash": "libxxhash-dev", "lmdb": "liblmdb-dev", "nlohmann_json": "nlohmann-json3-dev",
    "OpenSSL": "libssl-dev", "PkgConfig": "pkg-config", "Python3": "python3",
    "RocksDB": "librocksdb-dev", "rocksdb": "librocksdb-dev", "spdlog": "libspdlog-dev",
    "Threads": None, "boost_container": "libboost-container-dev",
    "Boost::container": "libboost-container-dev", "xxhash": "libxxhash-dev", "uv": "libuv1-dev",
}
# Libraries of which only headers are used: what is included -> Debian's package.
PACKAGE_OF_HEADER = {
    "boost/container/": "libboost-container-dev", "fmt/": "libfmt-dev",
    "nlohmann/": "nlohmann-json3-dev", "spdlog/": "libspdlog-dev", "xxhash.h": "libxxhash-dev",
}
LOOK_UP = re.compile(r"\b(find_package|pkg_check_modules|pkg_search_module)\s*\(([^)]*)\)")
WORDS_OF_CMAKE = {
    "REQUIRED", "QUIET", "CONFIG", "IMPORTED_TARGET", "GLOBAL", "COMPONENTS", "EXACT", "MODULE",
}


def cmake_files(tree):
    # The examples are projects of their own, which find Kindred rather than its libraries.
    return [name for name in tree.named("CMakeLists.txt", ".cmake")
            if not name.startswith(("tests/structure/", "examples/"))]


def without_comments(text):
    return re.sub(r"#[^\n]*", "", text)


def looked_up(tree):
    """[(file, name)] of every package or module that CMake looks up."""
    for name in cmake_files(tree):
        for function, arguments in LOOK_UP.findall(without_comments(tree.text(name))):
            words = arguments.split()
            if function == "find_package":
                yield name, words[0]
            else:
                for module in words[1:]:
                    if module not in WORDS_OF_CMAKE:
                        yield name, re.split(r"[<>=]", module)[0]


def included(tree):
    """{(included prefix, package)} of the headers in PACKAGE_OF_HEADER that C++ files include."""
    found = set()
    for name in tree.named(*CPP):
        for header in re.findall(r"^\s*#\s*include\s*<([^>]+)>", tree.text(name), re.MULTILINE):
            found.update(item for item in PACKAGE_OF_HEADER.items() if header.startswith(item[0]))
    return sorted(found)


def listed(tree):
    """{package: section} of the list."""
    section, found = None, {}
    for line in tree.text(LIST).splitlines():
        if line.startswith("["):
            section = line.strip("[] ")
        elif line and not line.startswith("#"):
            found[line.strip()] = section
    return found


def package_list(tree):
    """Rule: the list has every package that CMake looks up, and no library that none uses."""
    if LIST not in tree.files:
        return
    known, wanted = listed(tree), set()
    for name, package in looked_up(tree):
        if package not in PACKAGE_OF:
            yield f"{name}: {package}: tests/structure does not know its Debian package"
            continue
        debian = PACKAGE_OF[package]
        wanted.add(debian)
        if debian is not None and known.get(debian) != "build":
            yield f"{name}: {package} needs {debian} in section build of {LIST}"
    for header, debian in included(tree):
        wanted.add(debian)
        if known.get(debian) != "build":
            yield f"{header} needs {debian} in section build of {LIST}"
    linked = " ".join(without_comments(tree.text(name)) for name in cmake_files(tree))
    for name, debian in PACKAGE_OF.items():
        if "::" in name and re.search(rf"(?<![\w:]){re.escape(name)}(?![\w:])", linked):
            wanted.add(debian)
            if known.get(debian) != "build":
                yield f"{name} is linked and needs {debian} in section build of {LIST}"
    for package, section in known.items():
        if section == "build" and package.endswith("-dev") and package not in wanted:
            yield f"{LIST}: {package}: nothing in CMake looks it up or links it"

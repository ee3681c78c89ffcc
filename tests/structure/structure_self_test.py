"""Each rule must fail on a tree that breaks it, and on nothing else: a check that can't fail is
no check. Trees are laid out in a temporary folder."""

import pathlib
import tempfile
import unittest

import structure_test

CLEAN = {
    "replication/ring/ring.h": "// Why.\n#pragma once\n#include <vector>\n",
    "replication/ring/ring.cc": '#include "replication/ring/ring.h"\n#include <boost/x.hpp>\n',
    "protocol/peer/frame.h": "#pragma once\n#include <xxhash.h>\n"
                             '#include "replication/ring/ring.h"\n',
    "plugins/api/engine.h": "#pragma once\n#include <dlfcn.h>\n",
    "plugins/rocksdb/a.cc": '#include <rocksdb/db.h>\n#include "plugins/api/engine.h"\n',
    "server/io/loop.h": '#pragma once\n#include <uv.h>\n#include "plugins/api/engine.h"\n',
    "tests/unit/io/loop_test.cc": '#include "server/io/loop.h"\nauto role = "role:master";\n',
    "tests/harness/wait.py": "import time\ntime.sleep(0.01)\n",
    "docs/index.md": "# A page\n[here](#a-page) and [there](../README.md), `slave0:`\n",
    "README.md": "# Kindred\n",
    "CMakeLists.txt": "find_package(GTest REQUIRED)\n",
    "conf/packages.txt": "[build]\ng++\nlibgtest-dev\nlibxxhash-dev\n[test]\npython3\n",
}

# (rule that must complain, the files that differ from the clean tree)
BREACHES = [
    ("include_arrows", {"replication/ring/a.cc": '#include "protocol/peer/frame.h"\n'}),
    ("include_arrows", {"replication/ring/a.cc": "#include <uv.h>\n"}),
    ("include_arrows", {"replication/ring/a.cc": "#include <mutex>\n"}),
    ("include_arrows", {"replication/ring/a.cc": "#include <unistd.h>\n"}),
    ("include_arrows", {"replication/ring/a.cc": "#include <openssl/hmac.h>\n"}),
    ("include_arrows", {"protocol/peer/a.cc": '#include "server/io/loop.h"\n'}),
    ("include_arrows", {"protocol/peer/a.cc": '#include "plugins/api/engine.h"\n'}),
    ("include_arrows", {"protocol/peer/a.cc": "#include <unheard/of.h>\n"}),
    ("include_arrows", {"plugins/api/a.cc": '#include "replication/ring/ring.h"\n'}),
    ("include_arrows", {"plugins/memory/b.h": "#pragma once\n",
                        "plugins/rocksdb/b.cc": '#include "plugins/memory/b.h"\n'}),
    ("include_arrows", {"plugins/memory/a.cc": "#include <rocksdb/db.h>\n"}),
    ("include_arrows", {"server/session/a.cc": "#include <uv.h>\n"}),
    ("include_arrows", {"bench/a.cc": '#include "server/io/loop.h"\n'}),
    ("include_arrows", {"replication/ring/b.cc": '#include "ring.h"\n'}),
    ("index_is_whole", {"docs/index.md": "# Index\n", "docs/design/a.md": "# A\n"}),
    ("page_links", {"docs/index.md": "[gone](gone.md)\n"}),
    ("page_links", {"docs/index.md": "[gone](../README.md#gone)\n"}),
    ("page_links", {"README.md": "![picture](docs/img/gone.svg)\n"}),
    ("package_list", {"CMakeLists.txt": "find_package(GTest)\nfind_package(OpenSSL)\n"}),
    ("package_list", {"CMakeLists.txt": "find_package(GTest)\nfind_package(Unheard)\n"}),
    ("package_list", {"CMakeLists.txt": "find_package(GTest)\npkg_check_modules(UV libuv)\n"}),
    ("package_list", {"CMakeLists.txt": "# find_package(GTest)\n"}),
    ("package_list", {"tests/CMakeLists.txt": "target_link_libraries(a GTest::gmock)\n"}),
    ("package_list", {"server/a.cc": "#include <nlohmann/json.hpp>\n"}),
    ("clockless_decisions", {"replication/ring/a.cc": "auto t = steady_clock::now();\n"}),
    ("file_length", {"server/long.cc": "\n" * 601}),
    ("file_length", {"kindred": "#!/bin/sh\n" + "\n" * 601}),
    ("machine_paths", {"conf/a.conf": "dir /home/somebody/data\n"}),
    ("pragma_once", {"server/a.h": "// A comment.\n#include <vector>\n"}),
    ("retired_words", {"server/a.cc": "int master_count;\n"}),
    ("retired_words", {"docs/commands/a.md": "The slave answers.\n"}),
    ("sleeping_tests", {"tests/unit/a_test.cc": "std::this_thread::sleep_for(1s);\n"}),
    ("sleeping_tests", {"tests/e2e/a_test.py": "time.sleep(1)\n"}),
    ("top_level", {"util/a.py": "\n"}),
    ("unfinished", {"server/a.cc": "// TODO: all of it\n"}),
]


def lay_out(root, files):
    for name, text in files.items():
        path = pathlib.Path(root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def rules_broken_by(files):
    with tempfile.TemporaryDirectory() as root:
        lay_out(root, {**CLEAN, **files})
        return {rule for rule, _ in structure_test.complaints(root)}


class StructureSelfTest(unittest.TestCase):
    def test_the_clean_tree_passes(self):
        self.assertEqual(rules_broken_by({}), set())

    def test_each_breach_is_caught_by_its_rule_alone(self):
        for rule, files in BREACHES:
            with self.subTest(rule=rule, files=files):
                self.assertEqual(rules_broken_by(files), {rule})

    def test_every_rule_has_a_breach(self):
        self.assertEqual({rule for rule, _ in BREACHES},
                         {rule.__name__ for rule in structure_test.RULES})


if __name__ == "__main__":
    unittest.main()

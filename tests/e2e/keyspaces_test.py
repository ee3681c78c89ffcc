"""Keyspaces and users of the whole cluster, on real nodes."""

import pathlib
import shutil
import tempfile
import unittest

import redis
from harness.cluster import Cluster, redis_cli
from harness.wait import wait_until

MEMORY = {"storage-engine": "memory"}


def client(node, **login):
    return redis.Redis(port=node.port, decode_responses=True, **login)


def sibling(node, key, value):
    node.execute_command("DPUT", key, "", value)


class KeyspacesTest(unittest.TestCase):
    def test_a_keyspace_set_at_one_node_holds_at_all_and_over_restarts(self):
        with Cluster(3, MEMORY) as cluster:
            first, second, third = map(client, cluster.nodes)
            for value in ('["tea"]', '["milk","tea"]'):
                sibling(first, "cart:1", value)
            self.assertIn(third.get("cart:1"), ('["tea"]', '["milk","tea"]'))
            self.assertTrue(second.execute_command(
                "KEYSPACE", "SET", "cart:*", "RESOLVER", "union", "TTL", "600000"))
            wait_until(lambda: len(third.execute_command("KEYSPACE", "LIST")) == 1, 5,
                       "the keyspace at every node")
            for node in (first, second, third):
                wait_until(lambda: node.get("cart:1") == '["milk","tea"]', 5,
                           "the union at every node")
            self.assertEqual(len(first.execute_command("DGET", "cart:1")[1]), 2)
            self.assertEqual(first.append("cart:1", "!"), len('["milk","tea"]!'))
            self.assertEqual(third.get("cart:1"), '["milk","tea"]!')
            wait_until(lambda: first.set("cart:2", "[]") and first.ttl("cart:2") > 500, 5,
                       "another worker of the node goes by it too")
            self.assertEqual(first.ttl("other"), -2)
            hidden = sum(int(node.info("versions")["conflicts_hidden"])
                         for node in (first, second, third))
            self.assertGreater(hidden, 0)
            clocks = first.info("versions")["clock_sizes_histogram"]
            self.assertGreaterEqual(sum(clocks.values()), 2, "each key's clock has a size")

            cluster.stop()
            cluster.start()
            row = client(cluster.nodes[0]).execute_command("KEYSPACE", "GET", "cart:*")
            self.assertEqual(dict(zip(row[::2], row[1::2]))["resolver"], "union")
            self.assertEqual(client(cluster.nodes[1]).execute_command(
                "KEYSPACE", "DEL", "cart:*", "none"), 1)
            self.assertIsNone(client(cluster.nodes[1]).execute_command("KEYSPACE", "GET", "cart:*"))

    def test_directives_are_what_a_cluster_is_founded_with(self):
        directives = {**MEMORY, "keyspace": ("draft:*", "resolver", "siblings", "r", "1")}
        with Cluster(3, directives) as cluster:
            node = client(cluster.nodes[2])
            sibling(node, "draft:1", "1")
            sibling(node, "draft:1", "2")
            self.assertIn(node.get("draft:1"), ("1", "2"))
            with self.assertRaisesRegex(redis.ResponseError, "CONFLICT the key has 2 versions"):
                node.incr("draft:1")
            self.assertEqual(node.incr("other"), 1)
            with self.assertRaisesRegex(redis.ResponseError, "knows no resolver 'nosuch'"):
                node.execute_command("KEYSPACE", "SET", "a*", "RESOLVER", "nosuch")

    def test_an_unknown_resolver_stops_the_start(self):
        cluster = Cluster(1, {**MEMORY, "keyspace": ("a*", "resolver", "nosuch")})
        self.addCleanup(cluster.destroy)
        cluster.nodes[0].start()
        self.assertEqual(cluster.nodes[0].wait_end(), 1)
        self.assertIn("directive 'keyspace': unknown resolver 'nosuch'", cluster.nodes[0].log())

    def test_sets_without_registers_follow_each_other(self):
        with Cluster(3, MEMORY) as cluster:
            nodes = [client(node) for node in cluster.nodes]
            nodes[0].execute_command("KEYSPACE", "SET", "tags:*", "REGISTERS", "OFF")
            for round_ in range(20):
                for number, node in enumerate(nodes):
                    self.assertTrue(node.set("tags:1", f"{round_}.{number}"))
            versions = nodes[0].execute_command("DGET", "tags:1")[1]
            self.assertEqual(versions, ["19.2"])
            pipeline = nodes[1].pipeline(transaction=False)
            for number in range(50):
                pipeline.set("tags:1", number)
            pipeline.get("tags:1")
            self.assertEqual(pipeline.execute()[-1], "49")
            self.assertEqual(nodes[0].execute_command("DGET", "tags:1")[1], ["49"])
            self.assertTrue(nodes[2].execute_command(
                "MSET", "tags:1", "a", "other", "1", "tags:1", "b", "tags:1", "c"))
            self.assertEqual(nodes[0].execute_command("DGET", "tags:1")[1], ["c"])
            self.assertEqual(nodes[1].delete("tags:1"), 1)
            self.assertIsNone(nodes[2].get("tags:1"))


def fields(reply):
    return dict(zip(reply[::2], reply[1::2]))


def settled(cluster):
    """No partition moves, and every node holds what it owns and no more."""
    return not any(client(node).execute_command("RING", "TRANSFERS") for node in cluster.nodes)


def owners_of(node, key):
    rows = map(fields, node.execute_command("RING", "PREFLIST", key))
    return [row["node"] for row in rows if row["role"] == "primary"]


def copies_of(node, key):
    return len(fields(node.execute_command("DEXPLAIN", key))["replicas"])


class CopiesTest(unittest.TestCase):
    def wait_settled(self, cluster, node, key, copies):
        wait_until(lambda: settled(cluster) and len(owners_of(node, key)) == copies, 30,
                   f"{copies} copies of {key}")

    def test_each_pattern_has_as_many_copies_as_it_is_to_have(self):
        with Cluster(5, MEMORY) as cluster:
            nodes = [client(node) for node in cluster.nodes]
            patterns = {"one": 1, "two": 2, "all": 5}
            for pattern in [*patterns, "usual"]:
                for number in range(50):
                    nodes[number % 5].set(f"{pattern}:{number}", number)
            for pattern, copies in patterns.items():
                more = ("R", 3, "W", 3) if copies == 5 else ()
                self.assertTrue(nodes[0].execute_command(
                    "KEYSPACE", "SET", f"{pattern}:*", "N", copies, *more))
                nodes[1].set(f"{pattern}:meanwhile", "written")
            for pattern, copies in patterns.items():
                self.wait_settled(cluster, nodes[0], f"{pattern}:1", copies)
            for pattern, copies in {**patterns, "usual": 3}.items():
                for number in range(50):
                    key = f"{pattern}:{number}"
                    self.assertEqual(nodes[(number + 1) % 5].get(key), str(number))
                    self.assertEqual(copies_of(nodes[2], key), copies)
                if pattern != "usual":
                    self.assertEqual(nodes[3].get(f"{pattern}:meanwhile"), "written")
            self.assertEqual(nodes[0].dbsize(), 4 * 50 + 3)
            self.assertEqual(len(set(nodes[4].scan_iter(count=17))), 4 * 50 + 3)
            slot = nodes[0].execute_command("CLUSTER", "KEYSLOT", "one:7")
            holder = cluster.nodes[[node.name for node in cluster.nodes].index(
                owners_of(nodes[0], "one:7")[0])]
            self.assertIn("one:7", client(holder).execute_command(
                "CLUSTER", "GETKEYSINSLOT", slot, 100))
            owners = list(map(fields, nodes[0].execute_command("RING", "OWNERS")))
            self.assertEqual({row["keyspace"]: len(row["nodes"]) for row in owners},
                             {"": 3, "one:*": 1, "two:*": 2, "all:*": 5})

            cluster.nodes[4].kill()
            shutil.rmtree(cluster.nodes[4].data)
            cluster.nodes[4].data.mkdir()
            cluster.nodes[4].start()
            cluster.nodes[4].wait_ready()
            self.wait_settled(cluster, nodes[0], "all:1", 5)
            for pattern in ("two", "all", "usual"):
                for number in range(50):
                    self.assertEqual(nodes[number % 4].get(f"{pattern}:{number}"), str(number))

            self.assertEqual(nodes[0].execute_command("KEYSPACE", "DEL", "two:*", "all:*"), 2)
            for pattern in ("two", "all"):
                self.wait_settled(cluster, nodes[1], f"{pattern}:1", 3)
                for number in range(50):
                    key = f"{pattern}:{number}"
                    self.assertEqual(nodes[number % 4].get(key), str(number))
                    self.assertEqual(copies_of(nodes[2], key), 3)

    def test_what_does_not_go_with_n_is_refused_in_clear_words(self):
        with Cluster(3, {**MEMORY, "ring-partitions": 16}) as cluster:
            node = client(cluster.nodes[0])
            for words, error in ((("one:*", "N", 0), "n must be a number from 1 to"),
                                 (("one:*", "N", "many"), "n must be a number from 1 to"),
                                 (("one:*", "N", 1, "R", 2), "r must be .* 1 to N=1, not '2'")):
                with self.assertRaisesRegex(redis.ResponseError, error):
                    node.execute_command("KEYSPACE", "SET", *words)
            node.execute_command("KEYSPACE", "SET", "one:*", "N", 1)
            node.execute_command("KEYSPACE", "SET", "all:*", "N", 5)
            with self.assertRaisesRegex(redis.ResponseError, "w must be .* 1 to N=1, not '2'"):
                node.execute_command("KEYSPACE", "SET", "one:a:*", "W", 2)
            node.execute_command("KEYSPACE", "SET", "one:b:*", "N", 2, "W", 2)
            node.execute_command("KEYSPACE", "SET", "all:a:*", "R", 4)
            with self.assertRaisesRegex(redis.ResponseError, "^R=2 is more than .* N=1$"):
                node.execute_command("DGET", "one:1", "R", 2)
            with self.assertRaisesRegex(redis.ResponseError, "^PW=4 is more than .* N=3$"):
                node.execute_command("DPUT", "usual", "", "v", "PW", 4)
            with node.pipeline() as transaction:
                transaction.watch("one:{t}")
                transaction.multi()
                transaction.set("usual:{t}", "v")
                with self.assertRaisesRegex(redis.ResponseError, "n of its own"):
                    transaction.execute()
            status = fields(node.execute_command("RING", "STATUS")[0])
            self.assertEqual((status["partitions"], status["layers"]), (16, 4))
            self.assertEqual(len(node.execute_command("RING", "OWNERS")), 16 * 4)
            for number in range(12):
                node.execute_command("KEYSPACE", "SET", f"more:{number}:*", "N", 2)
            with self.assertRaisesRegex(redis.ResponseError, "at most 15 patterns"):
                node.execute_command("KEYSPACE", "SET", "last:*", "N", 2)

    def test_layers_belong_to_the_workers_of_their_slots(self):
        """Three workers: a number that no partition count is a multiple of."""
        few = {"workers": 3, "ring-partitions": 16, "durability": "async"}
        with Cluster(3, few) as cluster:
            nodes = [client(node) for node in cluster.nodes]
            nodes[0].execute_command("KEYSPACE", "SET", "two:*", "N", 2)
            for number in range(200):
                nodes[number % 3].set(f"two:{number}", number)
                nodes[number % 3].set(f"usual:{number}", number)
            self.wait_settled(cluster, nodes[0], "two:1", 2)
            for _ in range(2):
                for number in range(200):
                    self.assertEqual(nodes[number % 3].get(f"two:{number}"), str(number))
                self.assertEqual(nodes[1].dbsize(), 400)
                for node in nodes:
                    node.execute_command("RING", "REPAIR")  # for which it needs its trees
                cluster.stop()
                cluster.start()
                nodes = [client(node) for node in cluster.nodes]
                owners = list(map(fields, nodes[0].execute_command("RING", "OWNERS")))
                for node, name in zip(nodes, (node.name for node in cluster.nodes)):
                    held = sum(name in row["nodes"] for row in owners)
                    self.assertEqual(node.info("antientropy")["copies_restored"], held,
                                     "a clean stop saves the trees of all layers")


class UsersOfTheClusterTest(unittest.TestCase):
    def test_what_acl_says_holds_at_all_nodes_and_over_restarts(self):
        with Cluster(3, MEMORY) as cluster:
            first, second, third = map(client, cluster.nodes)
            self.assertTrue(first.execute_command(
                "ACL", "SETUSER", "app", "on", ">secret", "~app:*", "+@all"))
            wait_until(lambda: "app" in third.acl_users(), 5, "the user at every node")
            app = client(cluster.nodes[2], username="app", password="secret")
            self.assertTrue(app.set("app:1", "1"))
            self.assertTrue(second.execute_command("ACL", "SETUSER", "app", "-set"))

            def is_refused():
                try:
                    return not app.set("app:1", "1")
                except redis.exceptions.NoPermissionError:
                    return True
            wait_until(is_refused, 5, "the change on a connection that was open")
            self.assertEqual(app.get("app:1"), "1")

            cluster.nodes[2].stop()
            self.assertEqual(first.execute_command("ACL", "DELUSER", "app"), 1)
            cluster.nodes[2].start()
            cluster.nodes[2].wait_ready()
            wait_until(lambda: client(cluster.nodes[2]).acl_users() == ["default"], 5,
                       "the deletion at a node that was away")
            for node in cluster.nodes:
                self.assertNotIn("secret", node.log())

    def test_without_a_majority_users_stay_as_they_are(self):
        with Cluster(3, {**MEMORY, "request-timeout-ms": "300"}) as cluster:
            first = client(cluster.nodes[0])
            cluster.nodes[1].kill()
            cluster.nodes[2].kill()
            with self.assertRaisesRegex(redis.ResponseError, "NOMAJORITY"):
                first.execute_command("ACL", "SETUSER", "app", "on")
            self.assertEqual(first.acl_users(), ["default"])

    def test_acl_load_makes_a_nodes_file_the_clusters(self):
        with tempfile.TemporaryDirectory(prefix="kindred-users-") as folder:
            acl_file = pathlib.Path(folder) / "users.acl"
            acl_file.write_text("user default on nopass ~* &* +@all\n")
            with Cluster(3, {**MEMORY, "aclfile": acl_file}) as cluster:
                first, second, _ = map(client, cluster.nodes)
                self.assertTrue(first.execute_command("ACL", "SETUSER", "made", "on"))
                acl_file.write_text("user default on nopass ~* &* +@all\n"
                                    "user filed on >secret ~* +@all\n")
                self.assertTrue(first.execute_command("ACL", "LOAD"))
                wait_until(lambda: second.acl_users() == ["default", "filed"], 5,
                           "the file's users at every node")
                self.assertTrue(second.execute_command("ACL", "SAVE"))
                self.assertEqual(redis_cli(cluster.ports[2], "--user", "filed", "--pass", "secret",
                                           "--no-auth-warning", "ACL", "WHOAMI"), "filed")


if __name__ == "__main__":
    unittest.main()

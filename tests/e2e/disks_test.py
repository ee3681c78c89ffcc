"""Disks that are full, read-only, failing or damaged: errors, nothing wrong, and back by itself.
(Gone ones: anti_entropy_test.py.)"""

import random
import threading
import time
import unittest

import redis
from harness.cluster import Cluster
from harness.disk import ShimmedDisk, SmallDisk, may_mount
from harness.wait import wait_until

GROUP = {"storage-engine": "rocksdb", "durability": "group", "anti-entropy-interval-ms": 500}
BATCH = 500


def client_of(node):
    return redis.Redis(port=node.port, socket_timeout=10, retry_on_timeout=False)


def info(node, section):
    return client_of(node).info(section)


def in_batches(node, commands):
    client, replies = client_of(node), []
    for begin in range(0, len(commands), BATCH):
        pipeline = client.pipeline(transaction=False)
        for command in commands[begin:begin + BATCH]:
            pipeline.execute_command(*command)
        replies += pipeline.execute(raise_on_error=False)
    return replies


def storage_status(node):
    return info(node, "persistence")["storage_status"]


def sets(node, key, value):
    try:
        return client_of(node).set(key, value)
    except redis.RedisError:
        return False


class DisksTest(unittest.TestCase):
    def make(self, size, directives=None):
        self.cluster = Cluster(size, {**GROUP, **(directives or {})})
        self.addCleanup(self.cluster.destroy)
        return self.cluster.nodes

    def assert_values(self, node, wanted):
        keys = list(wanted)
        found = in_batches(node, [("GET", key) for key in keys])
        wrong = [(key, value) for key, value in zip(keys, found) if value != wanted[key]]
        self.assertEqual(wrong[:3], [], f"{len(wrong)} of {len(keys)} at {node.name}")

    def wait_equal(self, node, wanted, timeout_s):
        """Until the node's own copies hold all that."""
        keys = list(wanted)

        def is_equal():
            replies = in_batches(node, [("DGET", key, "LOCAL") for key in keys])
            return all(isinstance(reply, list) and reply[1] == [wanted[key]]
                       for key, reply in zip(keys, replies))
        wait_until(is_equal, timeout_s, f"{node.name} holds everything")


class TroubleTest(DisksTest):
    def write_until(self, node, prefix, size, is_over):
        """SETs at the node; returns the acknowledged ones and the errors."""
        client, acknowledged, errors = client_of(node), {}, []
        for number in range(4000):
            key, value = f"{prefix}-{number}", random.randbytes(size)
            try:
                client.set(key, value)
                acknowledged[key] = value
            except redis.ResponseError as error:
                errors.append(str(error))
            if is_over(errors, number):
                break
        return acknowledged, errors

    @unittest.skipUnless(may_mount(), "mounting a small file system takes root")
    def test_a_full_disk_of_64_mib(self):
        nodes = self.make(3)
        disk = SmallDisk(nodes[2].data, 64)
        self.addCleanup(disk.unmount)
        self.cluster.start()
        disk.fill(leave_mib=6)
        told = []

        def is_over(errors, number):
            if not told and storage_status(nodes[2]) == "full":
                told.append(number)
            return bool(told) and number > told[0] + 50
        acknowledged, errors = self.write_until(nodes[0], "a", 50_000, is_over)
        self.assertTrue(told, "the disk was never full")
        self.assertEqual(errors, [], "two others keep the writes")
        more, errors = self.write_until(nodes[2], "b", 50_000, lambda _, number: number > 20)
        self.assertEqual(errors, [], "a node whose disk is full passes writes on")
        acknowledged.update(more)
        self.assert_values(nodes[2], acknowledged)
        disk.empty()
        wait_until(lambda: storage_status(nodes[2]) == "ok", 30, "the disk takes writes again")
        self.wait_equal(nodes[2], acknowledged, 30)
        self.assertEqual(self.cluster.stop(), [0, 0, 0])

    def check_lone_node(self, state, text):
        """A node with nobody to pass writes to."""
        node = self.make(1)[0]
        disk = ShimmedDisk(node)
        self.cluster.start()
        acknowledged, errors = self.write_until(node, "a", 100, lambda _, number: number > 100)
        self.assertEqual(errors, [])
        disk.turn(state)
        more, errors = self.write_until(node, "b", 100, lambda errors, _: len(errors) > 20)
        acknowledged.update(more)
        self.assertIn(text, errors[-1])
        self.assertTrue(errors[-1].startswith("MISCONF "), errors[-1])
        self.assert_values(node, acknowledged)
        disk.turn("sound")
        wait_until(lambda: storage_status(node) == "ok", 30, "the disk takes writes again")
        self.assert_values(node, acknowledged)
        more, errors = self.write_until(node, "c", 100, lambda _, number: number > 100)
        self.assertEqual(errors, [])
        acknowledged.update(more)
        node.kill()
        node.start()
        node.wait_ready()
        self.assert_values(node, acknowledged)

    def test_a_disk_that_turns_read_only(self):
        self.check_lone_node("read-only", "read-only")

    def test_a_disk_that_fails(self):
        self.check_lone_node("failing", "failed")

    def test_one_of_three_turns_read_only_under_load(self):
        nodes = self.make(3)
        disk = ShimmedDisk(nodes[2])
        self.cluster.start()
        results = [None] * 3

        def write(index):
            results[index] = self.write_until(nodes[index], f"n{index}", 100,
                                              lambda _, number: time.monotonic() > until)
        until = time.monotonic() + 4
        writers = [threading.Thread(target=write, args=(index,)) for index in range(3)]
        for writer in writers:
            writer.start()
        disk.turn("read-only")
        wait_until(lambda: storage_status(nodes[2]) == "read-only", 10, "the node notices")
        disk.turn("sound")
        wait_until(lambda: storage_status(nodes[2]) == "ok", 30, "the disk takes writes again")
        acknowledged = {}
        for writer in writers:
            writer.join()
        for written, errors in results:
            acknowledged.update(written)
            self.assertLess(len(errors), 10, errors[:3])
        for node in nodes:
            self.assert_values(node, acknowledged)
        self.wait_equal(nodes[2], acknowledged, 30)


    def test_less_durability_set_while_running_is_remembered(self):
        node, = self.make(1)
        disk = ShimmedDisk(node)
        self.cluster.start()

        def durability_now_and_after_a_crash():
            boot = (node.data / "boot").read_text()
            return info(node, "persistence")["storage_durability"], boot.split("durability ")[1].strip()
        self.assertEqual(durability_now_and_after_a_crash(), ("group", "group"))
        client_of(node).config_set("durability", "async")
        self.assertEqual(durability_now_and_after_a_crash(), ("async", "async"))
        client_of(node).config_set("durability", "group")
        self.assertEqual(durability_now_and_after_a_crash(), ("group", "async"))
        disk.turn("read-only")
        self.write_until(node, "a", 100, lambda errors, _: len(errors) > 5)
        disk.turn("sound")
        wait_until(lambda: "starting again" in node.log(), 30, "the node starts anew")
        node.wait_ready()
        wait_until(lambda: sets(node, "b", "1"), 30, "it takes writes again")
        self.assertEqual(node.stop(), 0)
        node.start()
        node.wait_ready()
        self.assertEqual(durability_now_and_after_a_crash(), ("group", "group"))


class PowerLossTest(DisksTest):
    def write_and_lose_power(self, node_count, durability, writes, then=None):
        """Kills all nodes under load, with what they had not synced. What was acknowledged, and how
        many bytes went. `then`: the durability from the start of the load on."""
        nodes = self.make(node_count, {"durability": durability})
        disks = [ShimmedDisk(node) for node in nodes]
        self.cluster.start()
        for node in nodes if then else ():
            client_of(node).config_set("durability", then)
        acknowledged = {}

        def write(index):
            client = client_of(nodes[index % node_count])
            for number in range(1_000_000):
                key, value = f"w{index}-{number}", random.randbytes(100)
                try:
                    client.set(key, value)
                except redis.RedisError:
                    return
                acknowledged[key] = value
        writers = [threading.Thread(target=write, args=(index,)) for index in range(8)]
        for writer in writers:
            writer.start()
        wait_until(lambda: len(acknowledged) >= writes, 60, "enough writes")
        self.cluster.kill()
        for writer in writers:
            writer.join()
        lost = sum(disk.lose_unsynced() for disk in disks)
        self.cluster.start()
        return acknowledged, lost

    def test_group_durability_loses_nothing_acknowledged(self):
        acknowledged, _ = self.write_and_lose_power(3, "group", 3000)
        for node in self.cluster.nodes:
            self.assert_values(node, acknowledged)

    def test_group_durability_set_while_running_loses_nothing_acknowledged_since(self):
        acknowledged, _ = self.write_and_lose_power(1, "async", 1000, then="group")
        self.assert_values(self.cluster.nodes[0], acknowledged)

    def test_the_shim_does_lose_what_is_not_synced(self):
        acknowledged, lost = self.write_and_lose_power(1, "async", 3000)
        self.assertGreater(lost, 0)
        found = in_batches(self.cluster.nodes[0], [("GET", key) for key in acknowledged])
        self.assertGreater(found.count(None), 0)


class DamageTest(DisksTest):
    KEYS = 20_000

    def data_files(self, node, *patterns):
        folder = node.data / "data-rocksdb"
        return sorted(path for pattern in patterns for path in folder.glob(pattern))

    def damage_and_restart(self, node, files, flips):
        self.assertEqual(node.stop(), 0)
        for path in random.choices(files(), k=flips):
            content = bytearray(path.read_bytes())
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)
            path.write_bytes(content)
        node.start()
        node.wait_ready()
        wait_until(lambda: self.has_read_all(node), 60, "all that it holds has been read")

    def has_read_all(self, node):
        """After a clean stop that takes a while, and the node starts anew where it finds damage."""
        try:
            figures = info(node, "antientropy")
            is_serving = info(node, "persistence")["loading"] == 0
            return is_serving and figures["copies_restored"] == figures["copies_checked"]
        except redis.RedisError:
            return False

    def test_bytes_flipped_in_the_files_of_a_stopped_node(self):
        nodes = self.make(3, {"storage-engine-setting": ("write-buffer-bytes", "262144")})
        self.cluster.start()
        wanted = {f"k{number}": random.randbytes(200) for number in range(self.KEYS)}
        self.assertEqual(set(in_batches(nodes[0], [("SET", *item) for item in wanted.items()])),
                         {True})
        victim = nodes[1]
        self.damage_and_restart(victim, lambda: self.data_files(victim, "*.sst"), flips=1)
        self.assertRegex(victim.log(), "Kept [1-9][0-9]* records")
        self.check_healed(victim, wanted)
        self.damage_and_restart(
            victim, lambda: self.data_files(victim, "*.sst", "*.log", "MANIFEST-*"), flips=20)
        self.check_healed(victim, wanted)

    def test_a_damaged_log_is_not_taken_for_its_end(self):
        nodes = self.make(3, {"anti-entropy-interval-ms": 0})
        self.cluster.start()
        wanted = {f"k{number}": random.randbytes(200) for number in range(1000)}
        in_batches(nodes[0], [("SET", *item) for item in wanted.items()])
        victim = nodes[1]
        self.assertEqual(victim.stop(), 0)
        log = max(self.data_files(victim, "*.log"), key=lambda path: path.stat().st_size)
        content = bytearray(log.read_bytes())
        content[len(content) // 2] ^= 1
        log.write_bytes(content)
        victim.start()
        victim.wait_ready()
        self.assertIn("Damaged files", victim.log())
        self.wait_equal(victim, wanted, 60)

    def check_healed(self, victim, wanted):
        for node in self.cluster.nodes:
            self.assert_values(node, wanted)
        self.wait_equal(victim, wanted, 120)
        self.assertGreater(info(victim, "integrity")["checksum_failures_disk"], 0)


if __name__ == "__main__":
    unittest.main()

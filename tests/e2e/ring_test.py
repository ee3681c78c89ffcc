"""RING as operators use it: redis-cli and Python's redis client on a running cluster."""

import threading
import unittest

import redis
from harness.cluster import Cluster, redis_cli
from harness.wait import wait_until

NODES = 3
PARTITIONS = 256


def maps(reply):
    """An array of maps as RESP2 gives it, as dicts."""
    return [dict(zip(fields[::2], fields[1::2])) for fields in reply]


def written(client, key):
    try:
        return client.set(key, "v")
    except redis.ResponseError:
        return False


class RingQuestionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(NODES, {"storage-engine": "memory", "workers": 2})
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.start()

    def setUp(self):
        self.client = redis.Redis(port=self.cluster.ports[0], decode_responses=True)
        self.addCleanup(self.client.close)

    def ring(self, *words):
        return maps(self.client.execute_command("RING", *words))

    def test_status_names_epoch_quorums_and_members(self):
        (status,) = self.ring("STATUS")
        self.assertEqual(status["partitions"], PARTITIONS)
        self.assertEqual((status["replicas"], status["read_quorum"], status["write_quorum"]),
                         (3, 2, 2))
        self.assertGreaterEqual(status["epoch"], 1)
        self.assertEqual(status["pending_transfers"], 0)
        members = maps(status["members"])
        self.assertEqual([member["state"] for member in members], ["up"] * NODES)
        self.assertEqual(sum(member["partitions"] for member in members), 3 * PARTITIONS)

    def test_every_node_tells_the_same_owners(self):
        told = [redis_cli(port, "RING", "OWNERS") for port in self.cluster.ports]
        self.assertEqual(len(set(told)), 1)
        owners = self.ring("OWNERS")
        self.assertEqual(len(owners), PARTITIONS)
        self.assertEqual((owners[0]["first_slot"], owners[-1]["last_slot"]), (0, 16383))
        for owner in owners:
            self.assertEqual(len(set(owner["nodes"])), 3)

    def test_a_keys_preference_list_is_its_partitions(self):
        slot = self.client.execute_command("CLUSTER", "KEYSLOT", "some-key")
        owners = self.ring("OWNERS")[slot * PARTITIONS // 16384]["nodes"]
        listed = self.ring("PREFLIST", "some-key")
        self.assertEqual([entry["node"] for entry in listed], owners)
        self.assertEqual({entry["role"] for entry in listed}, {"primary"})

    def test_resp3_has_the_same_fields(self):
        with redis.Redis(port=self.cluster.ports[0], decode_responses=True) as resp3:
            connection = resp3.connection_pool.get_connection("HELLO")
            try:
                connection.send_command("RING", "MEMBERS")
                flat = maps(connection.read_response())
            finally:
                resp3.connection_pool.release(connection)
        text = redis_cli(self.cluster.ports[0], "-3", "--no-raw", "RING", "MEMBERS")
        for field in flat[0]:
            self.assertIn(f'"{field}" => ', text)

    def test_nothing_on_its_way_is_empty(self):
        self.assertEqual(self.ring("TRANSFERS"), [])
        self.assertEqual(self.ring("HINTS"), [])

    def test_hints_are_listed_until_they_are_delivered(self):
        with Cluster(4, {"storage-engine": "memory"}) as cluster:
            away = cluster.nodes[3]
            away.kill()

            def hints():
                """By the node they are for, of all nodes that run."""
                found = {}
                for node in cluster.nodes:
                    if node.alive():
                        with redis.Redis(port=node.port, decode_responses=True) as client:
                            for row in maps(client.execute_command("RING", "HINTS")):
                                found[row["node"]] = found.get(row["node"], 0) + row["hints"]
                return found

            with redis.Redis(port=cluster.ports[0], decode_responses=True) as client:
                for number in range(200):
                    wait_until(lambda key=number: written(client, f"key-{key}"), 30,
                               "a write is taken")
            wait_until(lambda: hints().get(away.name, 0) > 0, 30, "hints are kept for it")
            self.assertEqual(set(hints()), {away.name})
            away.start()
            away.wait_ready()
            wait_until(lambda: hints() == {}, 60, "they are delivered")

    def test_a_dead_member_is_shown_as_down(self):
        with Cluster(3, {"storage-engine": "memory"}) as cluster:
            cluster.nodes[2].kill()

            def states():
                with redis.Redis(port=cluster.ports[0], decode_responses=True) as client:
                    return [member["state"] for member in
                            maps(client.execute_command("RING", "MEMBERS"))]

            wait_until(lambda: sorted(states()) == ["down", "up", "up"], 30, "one is down")


class Load(threading.Thread):
    """Writes keys through one node until told to end; remembers what was acknowledged."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self._port = port
        self._client = redis.Redis(port=port, socket_timeout=30)
        self._end = threading.Event()
        self.acknowledged = {}
        self.refused = []
        self.error = None

    def run(self):
        number = 0
        try:
            while not self._end.is_set():
                key, value = f"key-{self._port}-{number % 5000}", f"value-{number}"
                try:
                    self._client.set(key, value)
                    self.acknowledged[key] = value
                except redis.ResponseError as error:
                    self.refused.append(str(error))
                    self.acknowledged.pop(key, None)  # unknown, until it is written again
                number += 1
        except redis.RedisError as error:
            self.error = error

    def finish(self):
        self._end.set()
        self.join(60)


class GrowAndShrinkTest(unittest.TestCase):
    """From one node to three, to five and back to three, under load, with all data there."""

    DIRECTIVES = {"storage-engine": "memory", "workers": 2, "ring-partitions": 64}

    def setUp(self):
        self.cluster = Cluster(1, self.DIRECTIVES)
        self.addCleanup(self.cluster.destroy)
        self.cluster.start()
        self.nodes = list(self.cluster.nodes)

    def client(self, node):
        client = redis.Redis(port=node.port, decode_responses=True, socket_timeout=30)
        self.addCleanup(client.close)
        return client

    def status(self, node):
        (status,) = maps(self.client(node).execute_command("RING", "STATUS"))
        status["members"] = maps(status["members"])
        return status

    def settled(self, members):
        """Each node sees so many members up, none leaving, and nothing moves."""
        for node in self.nodes:
            status = self.status(node)
            states = [member["state"] for member in status["members"]]
            if states != ["up"] * members or status["pending_transfers"] != 0:
                return False
            if self.client(node).execute_command("RING", "TRANSFERS"):
                return False
        return True

    def grow_to(self, members):
        while len(self.nodes) < members:
            node = self.cluster.add_node()
            node.start()
            node.wait_ready()
            self.nodes.append(node)
        wait_until(lambda: self.settled(members), 120, f"{members} members have settled")

    def shrink_to(self, members):
        for node in self.nodes[members:]:
            epoch = self.client(self.nodes[0]).execute_command("RING", "LEAVE", node.name, "NOW")
            self.assertGreater(epoch, 1)
        for node in self.nodes[members:]:
            wait_until(lambda leaving=node: not leaving.alive(), 120, f"{node.name} has gone")
            self.assertEqual(node.stop(), 0, node.log()[-3000:])
        del self.nodes[members:]
        wait_until(lambda: self.settled(members), 120, f"{members} members have settled")

    def assert_shares_are_even(self):
        members = self.status(self.nodes[0])["members"]
        held = [member["partitions"] for member in members]
        self.assertLessEqual(max(held) - min(held), 1)

    def test_one_three_five_three_under_load(self):
        loads = [Load(self.nodes[0].port)]
        loads[0].start()
        try:
            for members in (3, 5):
                self.grow_to(members)
                self.assert_shares_are_even()
                if members == 3:
                    loads += [Load(node.port) for node in self.nodes[1:3]]
                    for load in loads[1:]:
                        load.start()
            self.shrink_to(3)
            self.assert_shares_are_even()
        finally:
            for load in loads:
                load.finish()
        for load in loads:
            self.assertIsNone(load.error)
            self.assertEqual(load.refused, [], "nothing failed, so nothing is refused")
            self.assertGreater(len(load.acknowledged), 500)
            for node in self.nodes:
                client = self.client(node)
                for key, value in load.acknowledged.items():
                    self.assertEqual(client.get(key), value, f"{key} at {node.name}")

    def test_changes_are_staged_looked_at_and_committed_together(self):
        first = self.client(self.nodes[0])
        waiting = [self.cluster.add_node({"auto-join": "no"}) for _ in range(2)]
        for node in waiting:
            node.start()
            address = f"127.0.0.1:{node.peer_port}"

            def staged(peer=address):
                try:
                    return first.execute_command("RING", "JOIN", peer)
                except redis.ResponseError:
                    return False  # it is not there yet

            wait_until(staged, 30, f"{node.name} waits to be taken in")
        self.assertEqual(self.status(self.nodes[0])["staged_changes"], 2)
        (plan,) = maps(first.execute_command("RING", "PLAN"))
        self.assertEqual(len(plan["changes"]), 2)
        self.assertEqual(plan["partitions_that_move"], 64)
        self.assertEqual(len(self.status(self.nodes[0])["members"]), 1, "nothing is committed yet")
        epoch = first.execute_command("RING", "COMMIT")
        self.assertGreaterEqual(self.status(self.nodes[0])["epoch"], epoch)
        self.nodes += waiting
        for node in waiting:
            node.wait_ready()
        wait_until(lambda: self.settled(3), 120, "three members have settled")

    def test_who_joins_takes_what_came_before_it_knew(self):
        """It stands still while it is taken in: the first writes are there as soon as the news."""
        first = self.client(self.nodes[0])
        joining = self.cluster.add_node({"auto-join": "no"})
        joining.start()

        def staged():
            try:
                return first.execute_command("RING", "JOIN", f"127.0.0.1:{joining.peer_port}")
            except redis.ResponseError:
                return False  # it is not there yet

        wait_until(staged, 30, f"{joining.name} waits to be taken in")
        with first.pipeline(transaction=False) as writes:
            for number in range(200):
                writes.set(f"early-{number}", "v")
            joining.pause()
            try:
                first.execute_command("RING", "COMMIT")
                answers = []
                writing = threading.Thread(
                    target=lambda: answers.extend(writes.execute(raise_on_error=False)))
                asked = self.client(self.nodes[0])
                before = asked.info("replication")["coordinated_writes"]
                writing.start()
                wait_until(lambda: asked.info("replication")["coordinated_writes"] > before, 10,
                           "the writes are under way")
            finally:
                joining.resume()
            writing.join(30)
        self.assertEqual(answers, [True] * 200)
        joining.wait_ready()
        self.nodes.append(joining)
        wait_until(lambda: self.settled(2), 120, "two members have settled")

    def kill_and_see_down(self, node):
        node.kill()
        self.nodes.remove(node)

        def is_down():
            members = self.status(self.nodes[0])["members"]
            return [member["state"] for member in members
                    if member["node"] == node.name] == ["down"]

        wait_until(is_down, 30, f"{node.name} is seen down")

    def write_some(self):
        client = self.client(self.nodes[0])
        for number in range(300):
            client.set(f"some-{number}", number)

    def assert_some_are_there(self):
        for node in self.nodes:
            client = self.client(node)
            for number in range(300):
                self.assertEqual(client.get(f"some-{number}"), str(number), node.name)

    def test_a_dead_node_is_removed(self):
        self.grow_to(4)
        self.write_some()
        dead = self.nodes[3]
        self.kill_and_see_down(dead)
        self.client(self.nodes[0]).execute_command("RING", "REMOVE", dead.name, "NOW")
        wait_until(lambda: self.settled(3), 120, "three members have settled")
        self.assert_some_are_there()

    def test_a_dead_node_is_replaced(self):
        self.grow_to(3)
        self.write_some()
        dead = self.nodes[2]
        self.kill_and_see_down(dead)
        fresh = self.cluster.add_node({"auto-join": "no"})
        fresh.start()
        first = self.client(self.nodes[0])

        def replaced():
            try:
                return first.execute_command("RING", "REPLACE", dead.name,
                                             f"127.0.0.1:{fresh.peer_port}", "NOW")
            except redis.ResponseError as error:
                return not str(error).startswith("ERR") and self.fail(error)

        wait_until(replaced, 30, "the waiting node is taken in")
        fresh.wait_ready()
        self.nodes.append(fresh)
        wait_until(lambda: self.settled(3), 120, "three members have settled")
        self.assert_some_are_there()

    def test_a_drained_node_coordinates_nothing_and_is_shown_to_nobody(self):
        self.grow_to(3)
        drained = self.nodes[1]
        own = self.client(drained)
        own.execute_command("RING", "DRAIN")

        def hosts_shown(node):
            ranges = self.client(node).execute_command("CLUSTER", "SLOTS")
            return {slots[2][1] for slots in ranges}

        for node in self.nodes:
            wait_until(lambda asked=node: drained.port not in hosts_shown(asked), 5,
                       "cluster clients are shown others")
        before = own.info("replication")["coordinated_writes"]
        for number in range(50):
            own.set(f"drained-{number}", number)
        self.assertEqual(own.info("replication")["coordinated_writes"], before)
        drained.stop()
        drained.start()
        drained.wait_ready()
        wait_until(lambda: self.settled(3), 60, "it is back")
        for node in self.nodes:
            wait_until(lambda asked=node: drained.port in hosts_shown(asked), 10,
                       "it is shown again")

    def test_what_is_staged_can_be_cleared(self):
        first = self.client(self.nodes[0])
        self.grow_to(3)
        self.assertEqual(first.execute_command("RING", "LEAVE", self.nodes[2].name), "OK")
        self.assertEqual(first.execute_command("RING", "CLEAR"), "OK")
        self.assertEqual(first.execute_command("RING", "PLAN"), [])
        self.assertEqual(self.status(self.nodes[0])["staged_changes"], 0)

    def test_mistakes_are_named(self):
        first = self.client(self.nodes[0])
        for words in (("LEAVE", "nobody"), ("REMOVE", "nobody"), ("JOIN", "no-address")):
            with self.assertRaises(redis.ResponseError):
                first.execute_command("RING", *words)
        with self.assertRaisesRegex(redis.ResponseError, "syntax error"):
            first.execute_command("RING", "JOIN", "127.0.0.1:1", "127.0.0.1:2")


if __name__ == "__main__":
    unittest.main()

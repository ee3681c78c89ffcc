"""Nodes of a chaos run, each on a loopback address of its own, so that they can be cut off."""

import shutil
import tempfile

import redis
from harness.cluster import READY, READY_TIMEOUT_S, server_program
from harness.process import Process, free_port
from harness.wait import wait_until


def host_of(number):
    """Not 127.0.0.1, from which clients come: they are to reach a node that is cut off."""
    return f"127.0.0.{10 + number}"


class Node(Process):
    def __init__(self, number, folder, port, peer_port, seeds, directives):
        self.number = number
        self.host = host_of(number)
        self.port = port
        command = [server_program(), "--bind", self.host, "--port", port,
                   "--peer-port", peer_port, "--dir", folder, "--node-name", f"node-{number}"]
        for seed in seeds:
            command += ["--seed", f"{seed}:{peer_port}"]
        for directive, value in directives.items():
            command += [f"--{directive}", value]
        super().__init__(f"node-{number}", command, folder)

    def client(self, timeout_s=5):
        return redis.Redis(host=self.host, port=self.port, socket_timeout=timeout_s,
                           socket_connect_timeout=timeout_s)

    def kindred(self):
        """INFO's sections of Kindred, as one dictionary."""
        client = self.client()
        return {**client.info("kindred"), **client.info("replication")}

    def ring(self, *words):
        """A RING command's maps, or its single value."""
        reply = self.client(30).execute_command("RING", *words)
        if not isinstance(reply, list):
            return reply
        return [dict(zip([field.decode() for field in row[::2]], row[1::2])) for row in reply]


class Nodes:
    """A cluster that grows and shrinks. A context manager: leaves nothing behind."""

    def __init__(self, founders, directives):
        self._folder = tempfile.mkdtemp(prefix="kindred-chaos-")
        self._port, self._peer_port = free_port(), free_port()
        self._directives = directives
        self._founders = founders
        self.all = {}

    def __enter__(self):
        hosts = [host_of(number) for number in range(1, self._founders + 1)]
        for number in range(1, self._founders + 1):
            self.add(number, hosts)
        for node in self.all.values():
            node.wait_for_log(READY, READY_TIMEOUT_S)
        self.settle(self._founders)
        return self

    def __exit__(self, *_):
        for node in self.all.values():
            node.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, number, seeds=None, **directives):
        """Starts a node; without seeds named, it joins by the nodes that run."""
        seeds = seeds or [node.host for node in self.running()]
        named = {name.replace("_", "-"): value for name, value in directives.items()}
        node = Node(number, f"{self._folder}/{number}", self._port, self._peer_port, seeds,
                    {**self._directives, **named})
        self.all[number] = node
        node.start()
        return node

    def running(self):
        return [node for node in self.all.values() if node.alive()]

    def addresses(self):
        return [self.address(number) for number in self.all]

    def address(self, number):
        return (self.all[number].host, self.all[number].port)

    def peer_address(self, number):
        return f"{host_of(number)}:{self._peer_port}"

    def settle(self, members, timeout_s=60):
        """Waits until every running node sees all members up, and nothing moves or waits."""
        def settled():
            for node in self.running():
                try:
                    seen = node.kindred()
                    if (seen["members_up"] != members or seen["members_down"] != 0
                            or int(seen.get("hints_pending", 0)) != 0
                            or node.ring("TRANSFERS")):
                        return False
                except redis.RedisError:
                    return False
            return True
        wait_until(settled, timeout_s, f"{members} members up everywhere, nothing on its way")

"""TLS for clients and between nodes, on real nodes."""

import os
import pathlib
import signal
import socket
import ssl
import subprocess
import tempfile
import unittest

from harness.cluster import Cluster, redis_cli
from harness.process import free_port
from harness.wait import wait_until


class Authority:
    """Signs certificates; its files live in `folder`."""

    def __init__(self, folder, name):
        self.folder = pathlib.Path(folder)
        self.certificate = self.folder / f"{name}.crt"
        self._key = self.folder / f"{name}.key"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-keyout", self._key, "-out", self.certificate, "-days", 2,
                      "-subj", f"/CN={name}")

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    def sign(self, name):
        """(certificate, key), files."""
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        request = self.folder / f"{name}.csr"
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key,
                      "-CAcreateserial", "-out", certificate, "-days", 2)
        return certificate, key


class TlsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kindred-tls-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.authority = Authority(self.folder, "authority")
        self.certificate, self.key = self.authority.sign("node")

    def directives(self, **more):
        return {"storage-engine": "memory", "tls-cert-file": self.certificate,
                "tls-key-file": self.key, "tls-ca-cert-file": self.authority.certificate,
                **{name.replace("_", "-"): value for name, value in more.items()}}

    def node(self, **more):
        """A node with a TLS port; the port."""
        port = free_port()
        cluster = Cluster(1, self.directives(tls_port=port, **more))
        self.addCleanup(cluster.destroy)
        cluster.start()
        return cluster.nodes[0], port

    def cli(self, port, *command, certificate=None, stdin=None):
        words = ["--tls", "--cacert", self.authority.certificate]
        if certificate:
            words += ["--cert", certificate[0], "--key", certificate[1]]
        return redis_cli(port, *words, *command, stdin=stdin)

    def connect(self, port, version=ssl.TLSVersion.TLSv1_3):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.authority.certificate)
        context.load_cert_chain(self.certificate, self.key)
        context.minimum_version = context.maximum_version = version
        return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10))

    def shown_name(self, link):
        return dict(pair[0] for pair in link.getpeercert()["subject"])["commonName"]

    def test_clients_with_a_certificate_are_served_and_others_are_not(self):
        node, port = self.node()
        client = self.authority.sign("client")
        self.assertEqual(self.cli(port, "SET", "k", "v", certificate=client), "OK")
        self.assertEqual(redis_cli(node.port, "GET", "k"), "v")
        self.assertNotIn("v", self.cli(port, "GET", "k").split())
        other = Authority(self.folder, "other").sign("stranger")
        self.assertNotIn("v", self.cli(port, "GET", "k", certificate=other).split())
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            plain.sendall(b"PING\r\n")
            self.assertNotIn(b"PONG", plain.recv(100))
        self.assertEqual(redis_cli(node.port, "CONFIG", "SET", "tls-auth-clients", "no"), "OK")
        self.assertEqual(self.cli(port, "GET", "k"), "v")

    def test_large_values_and_pipelines_pass_whole(self):
        node, port = self.node()
        value = os.urandom(5 << 20)
        with self.connect(port) as link:
            link.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%s\r\n" % (len(value), value)
                         + b"GET k\r\n" * 3 + b"PING\r\n")
            wanted = b"+OK\r\n" + (b"$%d\r\n%s\r\n" % (len(value), value)) * 3 + b"+PONG\r\n"
            heard = b""
            while len(heard) < len(wanted):
                part = link.recv(1 << 20)
                self.assertTrue(part, "the connection ended")
                heard += part
            self.assertTrue(heard == wanted)
        wait_until(lambda: "connected_clients:1\n" in redis_cli(node.port, "INFO", "clients")
                   .replace("\r", "") + "\n", 10, "the connection is gone")

    def test_old_versions_are_refused(self):
        _, port = self.node()
        with self.connect(port, ssl.TLSVersion.TLSv1_2) as link:
            self.assertEqual(link.version(), "TLSv1.2")
        with self.assertRaises((ssl.SSLError, OSError)):
            self.connect(port, ssl.TLSVersion.TLSv1_1)

    def test_certificates_are_reloaded_under_way(self):
        node, port = self.node()
        with self.connect(port) as early:
            self.assertEqual(self.shown_name(early), "node")
            second, second_key = self.authority.sign("second")
            self.assertEqual(redis_cli(node.port, "CONFIG", "SET", "tls-cert-file", second,
                                       "tls-key-file", second_key), "OK")
            with self.connect(port) as late:
                self.assertEqual(self.shown_name(late), "second")
            self.assertIn("Unable to update TLS", redis_cli(
                node.port, "CONFIG", "SET", "tls-cert-file", self.folder / "none"))
            third, third_key = self.authority.sign("third")
            os.replace(third, second)
            os.replace(third_key, second_key)
            os.kill(node.pid, signal.SIGHUP)
            node.wait_for_log("are read again", 10)
            with self.connect(port) as late:
                self.assertEqual(self.shown_name(late), "third")
            early.sendall(b"PING\r\n")
            self.assertEqual(early.recv(100), b"+PONG\r\n")

    def test_a_wrong_or_missing_certificate_stops_the_start(self):
        for name, told in ((self.folder / "none", "tls-cert-file"),
                           (self.authority.certificate, "key values mismatch")):
            cluster = Cluster(1, {**self.directives(tls_port=free_port()), "tls-cert-file": name})
            self.addCleanup(cluster.destroy)
            cluster.nodes[0].start()
            self.assertEqual(cluster.nodes[0].wait_end(), 1)
            self.assertIn(told, cluster.nodes[0].log())

    def test_a_silent_handshake_holds_nothing_up(self):
        _, port = self.node()
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
        for link in silent[:25]:
            link.sendall(b"\x16\x03\x01")
        client = self.authority.sign("client")
        self.assertEqual(self.cli(port, "PING", certificate=client), "PONG")
        for link in silent:
            link.close()

    def test_peers_with_certificates_are_a_cluster_and_others_stay_out(self):
        for secret in ({}, {"cluster_secret": "a secret of these nodes"}):
            with Cluster(3, self.directives(tls_peers="yes", **secret)) as cluster:
                self.assertEqual(redis_cli(cluster.ports[0], "SET", "k", "v"), "OK")
                self.assertEqual(redis_cli(cluster.ports[2], "GET", "k"), "v")
                if secret:
                    continue
                other = Authority(self.folder, "elsewhere")
                certificate, key = other.sign("stranger")
                stranger = cluster.add_node({"tls-cert-file": certificate, "tls-key-file": key,
                                             "tls-ca-cert-file": other.certificate})
                plain = cluster.add_node({"tls-peers": "no"})
                for node in (stranger, plain):
                    node.start()
                wait_until(lambda: "TLS" in stranger.log(), 20, "the stranger hears why")
                wait_until(lambda: any("TLS" in node.log() for node in cluster.nodes[:3]), 20,
                           "members tell of it")
                for node in (stranger, plain):
                    self.assertNotIn("Ready to accept", node.log())
                    node.kill()
                    cluster.nodes.remove(node)
                self.assertIn("TLS", stranger.log())
                self.assertIn("members_up:3", redis_cli(cluster.ports[0], "INFO", "kindred"))

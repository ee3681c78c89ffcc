"""A store of login sessions by plain SET, GETEX and DEL, as it would be written for Redis.

    python3 sessions.py --nodes 127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003
"""

import argparse
import json
import secrets
import sys

import redis


class Sessions:
    """Sessions that end `ttl_s` seconds after they were last used."""

    def __init__(self, client, ttl_s=1800):
        self._client, self._ttl_s = client, ttl_s

    @staticmethod
    def _key(token):
        return f"session:{token}"

    def create(self, user):
        """A token nobody else has."""
        token = secrets.token_urlsafe(16)
        data = json.dumps({"user": user, "basket": []})
        if not self._client.set(self._key(token), data, ex=self._ttl_s, nx=True):
            raise RuntimeError("a token was drawn twice")
        return token

    def load(self, token):
        """The session, its time renewed; None when it has ended."""
        data = self._client.getex(self._key(token), ex=self._ttl_s)
        return None if data is None else json.loads(data)

    def save(self, token, session):
        """False when the session ended meanwhile."""
        return bool(self._client.set(self._key(token), json.dumps(session), ex=self._ttl_s,
                                     xx=True))

    def end(self, token):
        return self._client.delete(self._key(token)) == 1


def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", default="127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003")
    nodes = [address(text) for text in parser.parse_args().nodes.split(",")]
    # A web server behind each node; a user's requests may reach any of them.
    servers = [Sessions(redis.Redis(host, port)) for host, port in nodes]
    token = servers[0].create("ada")
    session = servers[-1].load(token)
    session["basket"].append("apples")
    servers[-1].save(token, session)
    print(f"as every server sees it: {[server.load(token) for server in servers]}")
    servers[0].end(token)
    print(f"after the end: {[server.load(token) for server in servers]}")


if __name__ == "__main__":
    sys.exit(main())

"""Connections that never log in: strangers.py PORT CONNECTIONS SECONDS

Some send hostile bytes, some a request byte by byte, some declare huge lengths and keep them
waiting, some ask much and read nothing. Who is cut off comes again. Prints how many connections were
made and how many of them the server ended."""

import asyncio
import pathlib
import random
import resource
import sys

CORPUS = pathlib.Path(__file__).resolve().parents[1] / "fuzz" / "resp" / "corpus"
HOSTILE = [b"\x00" * 4000, b"*2147483647\r\n", b"*10\r\n$536870912\r\n", b"$-5\r\n", b"*100\r\n",
           b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", b"'unbalanced\r\n", b"a" * 70000,
           b"*3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$3\r\nbad\r\n", b"*1\r\n$9999999999999999999\r\n"]
WAITING = b"*10\r\n" + b"$16384\r\n" + b"x" * 16000  # as much as a stranger may declare
SLOW = b"*2\r\n$4\r\nAUTH\r\n$10\r\n" + b"y" * 10 + b"\r\n"
UNREAD = b"GET k\r\n" * 200
SECONDS_BETWEEN_ACTS = 1.0


class Crowd:
    def __init__(self, port, seconds):
        self._port = port
        self._ends = asyncio.get_running_loop().time() + seconds
        self._chance = random.Random(1)
        self._corpora = [HOSTILE, [path.read_bytes() for path in sorted(CORPUS.iterdir())]]
        self.made = 0
        self.ended = 0

    def time_left(self):
        return self._ends - asyncio.get_running_loop().time()

    def next_bytes(self, number, act):
        """What the stranger of this number sends as its act of this number."""
        behaviour = number % 4
        if behaviour == 0:
            corpus = self._chance.choice(self._corpora)
            return self._chance.choice(corpus) + self._chance.randbytes(20)
        if behaviour == 1:
            return SLOW[act % len(SLOW):][:1]
        if behaviour == 2:
            return WAITING if act == 0 else b""
        return UNREAD

    async def stranger(self, number):
        await asyncio.sleep(self._chance.random() * SECONDS_BETWEEN_ACTS)
        while self.time_left() > 0:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                self.made += 1
                was_ended = await self.act(number, reader, writer)
                self.ended += was_ended
                writer.transport.abort()
            except ConnectionError:
                self.ended += 1

    async def act(self, number, reader, writer):
        """Sends until the server ends the connection (True) or the time is over."""
        act = 0
        reads = number % 4 != 3
        if not reads:
            writer.transport.pause_reading()
        while self.time_left() > 0:
            if writer.transport.get_write_buffer_size() == 0:
                writer.write(self.next_bytes(number, act))
                act += 1
            await asyncio.sleep(SECONDS_BETWEEN_ACTS)
            if writer.transport.is_closing():
                return True
            if reads:
                try:
                    if await asyncio.wait_for(reader.read(65536), 0.001) == b"":
                        return True
                except asyncio.TimeoutError:
                    pass
        return False


async def main(port, connections, seconds):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    crowd = Crowd(port, seconds)
    await asyncio.gather(*(crowd.stranger(number) for number in range(connections)))
    print(f"{crowd.made} connections, {crowd.ended} ended by the server")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))

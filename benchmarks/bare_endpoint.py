"""A chat-completions endpoint on bare asyncio: so cheap that a benchmark on few cores measures the client.

`python benchmarks/bare_endpoint.py LATENCY_S REFUSED_SHARE` prints its port and serves until it is stopped.
"""

import asyncio
import json
import random
import sys

BODY = json.dumps(
    {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "echo",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "42"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 6, "completion_tokens": 1, "total_tokens": 7},
    }
).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
REFUSAL = b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Connection(asyncio.Protocol):
    """One keep-alive connection: each whole request is answered after the latency."""

    def __init__(self, latency_s: float, refused: float, rng: random.Random) -> None:
        self._latency_s, self._refused, self._rng = latency_s, refused, rng
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, rest = self._read.partition(b"\r\n\r\n")
        if not found:
            return
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        if len(rest) >= length:
            self._read = rest[length:]
            said = REFUSAL if self._rng.random() < self._refused else ANSWER
            asyncio.get_running_loop().call_later(self._latency_s, self._transport.write, said)  # type: ignore[attr-defined]


async def serve(latency_s: float, refused: float) -> None:
    """Print the port, then serve until the process ends."""
    rng = random.Random(0)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(latency_s, refused, rng), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]), float(sys.argv[2])))

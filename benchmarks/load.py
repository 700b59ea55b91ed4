"""Requests one URL repeatedly through a few persistent TLS connections, and prints the responses per second.

Run it as `python -m benchmarks.load PORT CA_FILE PATH SECONDS CONNECTIONS`, in a separate process. LOAD_HEADER may hold
one more header line; it is not an argument, because every user of the machine can read those.
"""

import asyncio
import json
import os
import ssl
import sys
import time


async def _ask(port: int, context: ssl.SSLContext, path: str, until: float) -> list[float]:
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    more = f"{header}\r\n" if (header := os.environ.get("LOAD_HEADER")) else ""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n{more}\r\n".encode()
    seconds = []
    while (started := time.perf_counter()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"expected 200; got {head.splitlines()[0]!r}")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))
        seconds.append(time.perf_counter() - started)
    writer.close()
    return seconds


async def measure(port: int, ca_file: str, path: str, seconds: float, connections: int) -> dict[str, float]:
    """Load one server, and return the responses per second, and the median and 99th percentile in milliseconds."""
    context = ssl.create_default_context(cafile=ca_file)
    started = time.perf_counter()
    until = started + seconds
    found = await asyncio.gather(*(_ask(port, context, path, until) for _ in range(connections)))
    taken = time.perf_counter() - started
    times = sorted(time for one in found for time in one)
    return {
        "per_second": len(times) / taken,
        "p50": times[len(times) // 2] * 1000,
        "p99": times[len(times) * 99 // 100] * 1000,
    }


if __name__ == "__main__":
    _, port, ca_file, path, seconds, connections = sys.argv
    print(json.dumps(asyncio.run(measure(int(port), ca_file, path, float(seconds), int(connections)))))

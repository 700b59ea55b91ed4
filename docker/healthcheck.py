"""Ask the server of this container for its health over verified TLS; exit 0 when it answers 200, 1 otherwise.

    python healthcheck.py APP_URL 8000 /health/ready
    python healthcheck.py REDIS_URL heartbeat:refresher

The second form is for a process without a port: it looks whether that has written `ready` into Redis a moment ago.

The connection goes to this container's own port; the certificate must be for the host of the URL that the named
variable holds, as clients see it. It is verified against /certificates/ca.pem, or the system's authorities without it.
What is printed is what `docker inspect` and the tasks show. Standard library alone, so that it starts in a blink.
"""

import http.client
import os
import socket
import ssl
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

AUTHORITY = Path("/certificates/ca.pem")
TIMEOUT_SECONDS = 4


def answer(host: str, port: int, path: str, authority: Path | None) -> tuple[int, str]:
    """The status and the body of GET `path` from 127.0.0.1, whose certificate must be for `host`.

    Raises:
        OSError: nothing answers, or not the server that the certificate speaks of.
        http.client.HTTPException: it does not speak HTTP.
    """
    context = ssl.create_default_context(cafile=authority)
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    with (
        socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection.sock,
    ):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(4096).decode(errors="replace")


def recall(url: str, key: str) -> str | None:
    """What stands in Redis under a key, or None.

    Raises:
        OSError: nothing answers.
        ValueError: it refuses, or does not speak RESP.
    """
    parts = urlsplit(url)
    user, password = unquote(parts.username or "default"), unquote(parts.password or "")
    commands = [["AUTH", user, password], ["SELECT", parts.path.strip("/") or "0"], ["GET", key]]
    place = (parts.hostname or "localhost", parts.port or 6379)
    with (
        socket.create_connection(place, TIMEOUT_SECONDS) as plain,
        (
            ssl.create_default_context().wrap_socket(plain, server_hostname=place[0])
            if parts.scheme == "rediss"
            else plain
        ) as connection,
        connection.makefile("rwb") as stream,
    ):
        for words in commands:
            encoded = [word.encode() for word in words]
            stream.write(b"*%d\r\n" % len(encoded))
            stream.write(b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded))
            stream.flush()
            answer = stream.readline(512).rstrip()
            if words[0] != "GET" and answer != b"+OK":
                raise ValueError(f"{words[0]} answered {answer.decode(errors='replace')!r}")
        if not answer.startswith(b"$"):
            raise ValueError(f"GET answered {answer.decode(errors='replace')!r}")
        length = int(answer[1:])
        return stream.read(length).decode(errors="replace") if length >= 0 else None


def check_heartbeat(variable: str, key: str) -> int:
    """Print what a process without a port last said, and say by the exit code whether it is good."""
    try:
        said = recall(os.environ.get(variable, ""), f"{os.environ.get('ENVIRONMENT', 'production')}:{key}")
    except (OSError, ValueError) as error:
        print(f"{key}: {error}")
        return 1
    print(f"{key}: {said or 'nothing was said'}")
    return 0 if said == "ready" else 1


def main(arguments: list[str], authority: Path | None = AUTHORITY) -> int:
    """Print the answer, and say by the exit code whether it is good."""
    if len(arguments) == 2:
        return check_heartbeat(*arguments)
    variable, port, path = arguments
    host = urlsplit(os.environ.get(variable, "")).hostname or "localhost"
    try:
        trusted = authority if authority is not None and authority.exists() else None
        status, body = answer(host, int(port), path, trusted)
    except (OSError, http.client.HTTPException) as error:
        print(f"https://{host}:{port}{path}: {error}")
        return 1
    print(f"https://{host}:{port}{path}: {status} {body}")
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

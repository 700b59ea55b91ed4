"""Ask the server of this container for its health over verified TLS; exit 0 when it answers 200, 1 otherwise.

    python healthcheck.py APP_URL 8000 /health/ready

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
from urllib.parse import urlsplit

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


def main(arguments: list[str], authority: Path | None = AUTHORITY) -> int:
    """Print the answer, and say by the exit code whether it is good."""
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

"""Ask a server of this container for its health over verified TLS; exit 0 when it answers 200, 1 otherwise.

    python healthcheck.py https://localhost:8000/health/ready /certificates/ca.pem

Standard library alone, so that it starts in a blink; what it prints is what `docker inspect` and the tasks show.
"""

import ssl
import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 4


def answer(url: str, authority: str) -> tuple[int, str]:
    """The status and the body that `url` answers; TLS must verify against the certificate authority in `authority`.

    Raises:
        OSError: nothing answers, or not the server that the certificate speaks of.
    """
    context = ssl.create_default_context(cafile=authority)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(url, timeout=TIMEOUT_SECONDS) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def main() -> int:
    """Print the answer, and say by the exit code whether it is good."""
    url, authority = sys.argv[1:]
    try:
        status, body = answer(url, authority)
    except OSError as error:
        print(f"{url}: {error}")
        return 1
    print(f"{url}: {status} {body}")
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main())

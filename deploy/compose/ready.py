"""Ask a service of this container whether it is ready; the exit status is the answer."""

import sys
from http import HTTPStatus
from http.client import HTTPConnection

TIMEOUT = 4  # seconds


def ready(port: int) -> bool:
    """Whether `/readyz` on that port answers 200; what it says is printed for `docker inspect`."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    connection.request("GET", "/readyz")
    response = connection.getresponse()
    sys.stdout.write(response.read(4096).decode())
    return response.status == HTTPStatus.OK


if __name__ == "__main__":
    sys.exit(not ready(int(sys.argv[1])))

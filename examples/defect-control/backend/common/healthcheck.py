"""`python -m common.healthcheck URL`: exit status 0 when it answers 200. Nothing but the standard library."""

import http.client
import sys
from urllib.parse import urlsplit

if __name__ == "__main__":
    url = urlsplit(sys.argv[1])
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=4)
    try:
        connection.request("GET", url.path)
        sys.exit(connection.getresponse().status != 200)
    except OSError as error:
        sys.exit(f"unhealthy: {error}")

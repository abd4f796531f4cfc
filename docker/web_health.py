"""Exit with 0 if this container's web server answers /healthz, else print why not.

The request has a host name of the site and claims https, as from the TLS proxy.
"""

from __future__ import annotations

import http.client
import os
import sys

_ANSWER_WITHIN_S = 5


def problem(port: int, host: str) -> str | None:
    """Return what is wrong with the server on this port, None if nothing is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_WITHIN_S)
    try:
        connection.request("GET", "/healthz", headers={"Host": host, "X-Forwarded-Proto": "https"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"port {port}: {error}"
    finally:
        connection.close()
    return None if status == http.HTTPStatus.OK else f"/healthz answered {status}"


if __name__ == "__main__":
    bound_port = int(os.environ["SOUNDSCAPE_BIND"].rpartition(":")[2])
    # ".example.org" stands for a domain with all its subdomains.
    first_host = os.environ["DJANGO_ALLOWED_HOSTS"].split(",")[0].strip().removeprefix(".")
    sys.exit(problem(bound_port, first_host))

"""A request that is under way for as long as a test wants it to be."""

import http.client
import json

from tests.processes import PATIENCE_SECONDS, Served


class Flight:
    """One POST whose body is held back: the service waits for it, which `100 Continue` says."""

    def __init__(self, served: Served, path: str, body: object) -> None:
        self._body = json.dumps(body).encode()
        self._connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE_SECONDS)
        self._connection.putrequest("POST", path)
        for name, value in {
            "Authorization": f"Bearer {served.settings.get('ENDCAP_API_KEY', '')}",
            "Content-Type": "application/json",
            "Content-Length": str(len(self._body)),
            "Expect": "100-continue",
        }.items():
            self._connection.putheader(name, value)
        self._connection.endheaders()
        assert self._connection.sock is not None
        said = self._connection.sock.recv(1_000)
        assert said.startswith(b"HTTP/1.1 100"), said

    def ends(self) -> int:
        """Send the body and return the status of the reply."""
        self._connection.send(self._body)
        reply = self._connection.getresponse()
        reply.read()
        self._connection.close()
        return reply.status

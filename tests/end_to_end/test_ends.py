"""How one process ends: in order when it is asked to, and without losing an event when it is not asked."""

import signal
import sqlite3
from pathlib import Path
from threading import Thread

import httpx
import pytest

from tests.end_to_end.flight import Flight
from tests.end_to_end.floor import Alone, Shopper
from tests.processes import Served, asking, until


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_is_asked_to_end_answers_what_is_under_way(alone: Alone, how: signal.Signals) -> None:
    served = alone().start()
    event = Shopper(served, "garden-1").purchase("kitchen-1", "last")
    with asking(served, "/v1/popular", "/v1/users/garden-1/recommendations") as statuses:
        until(lambda: statuses[200] > 10 or None, "answers")
        flights = [Flight(served, "/v1/recommendations", {"user_id": "garden-1"}) for _ in range(4)]
        flights += [Flight(served, "/v1/events", {"events": [event]})]
        assert served.process is not None
        served.process.send_signal(how)
        served.says("Shutting down")
        assert [flight.ends() for flight in flights] == [200] * 4 + [202]
        code = served.process.wait()
    assert code == 0
    assert set(statuses) <= {200, 0}, "whoever came too late was not let in, and everybody else was answered"
    assert served.start().post("/v1/events", {"events": [event]})["duplicates"] == 1


class Stream:
    """Sends one event after the other, and knows which ones the service said it has."""

    def __init__(self, served: Served) -> None:
        self.acknowledged: list[str] = []
        self._served = served
        self._thread = Thread(target=self._send)
        self._thread.start()

    def gets_going(self) -> None:
        until(lambda: len(self.acknowledged) > 100 or None, "events")

    def ends(self) -> None:
        self._thread.join()

    def event(self, event_id: str) -> dict[str, str]:
        return Shopper(self._served, "streaming").purchase("garden-1", event_id)

    def _send(self) -> None:
        with self._served.client() as client:
            for number in range(1_000_000):
                event_id = f"e-{number}"
                try:
                    reply = client.post("/v1/events", json={"events": [self.event(event_id)]})
                except httpx.TransportError:
                    return
                if reply.status_code == 202:
                    self.acknowledged.append(event_id)


def stored_in(home: Path) -> list[str]:
    connection = sqlite3.connect(home / "endcap.sqlite3")
    rows = connection.execute("SELECT event_id FROM events WHERE user_id = 'streaming'").fetchall()
    connection.close()
    return [event_id for (event_id,) in rows]


def test_an_event_that_was_acknowledged_is_there_once_after_kill_9(alone: Alone) -> None:
    served = alone().start()
    assert served.process is not None
    stream = Stream(served)
    stream.gets_going()
    # Others open and close the file meanwhile, as an import or a backup does.
    n_seen = len(stored_in(Path(served.settings["ENDCAP_HOME"])))
    until(lambda: len(stream.acknowledged) > n_seen + 100 or None, "more events")
    served.process.kill()
    stream.ends()
    assert served.process.wait() == -signal.SIGKILL
    stored = stored_in(Path(served.settings["ENDCAP_HOME"]))
    assert set(stream.acknowledged) <= set(stored)
    # The last one may have been stored without anybody being told.
    assert len(stored) <= len(stream.acknowledged) + 1
    again = [stream.event(event_id) for event_id in stream.acknowledged[-50:]]
    reply = served.start().post("/v1/events", {"events": again})
    assert (reply["accepted"], reply["duplicates"]) == (0, 50)
    assert stored_in(Path(served.settings["ENDCAP_HOME"])) == stored

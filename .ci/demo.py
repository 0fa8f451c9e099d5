"""make demo: a year of a real grocer, learned and served, and what household 1029 should see on the home page.

The port is tried first, since what follows takes minutes. What is there from an earlier run is used again. Runs before
.venv is there, so only Python's own library is at hand.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parent.parent
ENDCAP = ROOT / ".venv" / "bin" / "endcap"
HOUSEHOLD = "1029"
READY_SECONDS = 60
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound here: where to ask a service that is

HOST = os.environ.get("ENDCAP_HOST") or "127.0.0.1"
PORT = os.environ.get("ENDCAP_PORT") or "8000"
KEY = os.environ.get("ENDCAP_API_KEY") or ""


def address() -> str:
    """Where the service that is started here can be asked."""
    host = _EVERYWHERE.get(HOST, HOST)
    return f"http://{f'[{host}]' if ':' in host else host}:{PORT}"


def refuse_a_taken_port() -> None:
    """Stop here if the service could not listen later."""
    if not PORT.isdecimal() or not 1 <= int(PORT) <= 65_535:  # noqa: PLR2004 - the last port
        sys.exit(f"ENDCAP_PORT is {PORT!r}; set it to a port, 8001 say, or unset it")
    try:
        family, *_, place = socket.getaddrinfo(HOST, int(PORT), type=socket.SOCK_STREAM)[0]
        socket.create_server(place[:2], family=family).close()
    except OSError as error:
        sys.exit(
            f"port {PORT} of {HOST} cannot be listened on: {error.strerror or error}. "
            f"Stop what uses it, or choose another port: ENDCAP_PORT={int(PORT) + 1} make demo"
        )


def prepare() -> None:
    """Install, import and train what is not there yet."""
    step("make", "--no-print-directory", "install")
    has_bundle = subprocess.run([ENDCAP, "models", "show"], cwd=ROOT, capture_output=True, check=False).returncode == 0
    if not has_bundle:
        step(str(ENDCAP), "import", "complete-journey")
        step(str(ENDCAP), "train")


def step(*command: str) -> None:
    """Run one command and stop if it fails; it has said why."""
    started = time.monotonic()
    say(f"== {' '.join([Path(command[0]).name, *command[1:]])}")
    ran = subprocess.run(command, cwd=ROOT, check=False)
    if ran.returncode:
        sys.exit(ran.returncode)
    say(f"== {time.monotonic() - started:.0f} s\n")


def serve() -> int:
    """Serve until somebody asks it to end; return the exit code."""
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        # Ctrl-C has reached the service as well; SIGTERM asks for the same once more, a second SIGINT would hurry it.
        service.terminate()

    say(f"== endcap serve, on {address()}")
    service = subprocess.Popen([ENDCAP, "serve"], cwd=ROOT)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        if not wait_until_ready(service):
            return 0 if stopping else 1
        show()
        return 0 if service.wait() == 0 or stopping else 1
    except OSError as error:
        if not stopping:
            say(f"the service did not answer as it should: {error}")
        return 0 if stopping else 1
    finally:
        service.terminate()
        service.wait()


def wait_until_ready(service: subprocess.Popen[bytes]) -> bool:
    """Whether the service became ready; it did not if it ended first."""
    deadline, waits_for = time.monotonic() + READY_SECONDS, "an answer"
    while service.poll() is None:
        try:
            ask("/readyz")
        except HTTPError as error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            waits_for = error.read().decode(errors="replace")
        except OSError:
            pass  # it does not listen yet
        else:
            return True
        if time.monotonic() > deadline:
            say(f"the service is not ready after {READY_SECONDS} s, it waits for: {waits_for}")
            return False
        time.sleep(0.1)
    return False


def ask(path: str) -> Any:  # noqa: ANN401 - whatever JSON comes
    """Return what the service answers."""
    headers = {"Authorization": f"Bearer {KEY}"} if KEY else {}
    with urlopen(Request(address() + path, headers=headers), timeout=10) as reply:  # noqa: S310 - our own http address
        return json.load(reply)


def show() -> None:
    """Print the household's lists, and what to type next."""
    home, new = listed("home", 12), listed("new-for-you", 3)
    if not (home and new):
        say("\nNothing to recommend: another shop's data seems to be here; set ENDCAP_HOME to a folder of its own.\n")
        return
    tell(f"What household {HOUSEHOLD} should see on the home page", home)
    tell("Of what it never bought", new)
    event = {"event_type": "purchase", "user_id": HOUSEHOLD, "item_id": new[0]["item_id"]}
    say(f"\nTo try in another terminal. It buys {new[0]['title']}:\n")
    say(curl("/v1/events", {"events": [event]}))
    say("\nWhat is new to it is something else now:\n")
    say(curl(path_of("new-for-you", 3)))
    say(f"\nWhat is like {home[0]['title']}:\n")
    say(curl(f"/v1/items/{home[0]['item_id']}/similar?n=3"))
    say(f"\nAll that can be asked: {address()}/docs. Ctrl-C ends the service.\n")


def path_of(placement: str, n: int) -> str:
    """Where the household's list is."""
    return f"/v1/users/{HOUSEHOLD}/recommendations?placement={placement}&n={n}"


def listed(placement: str, n: int) -> list[dict[str, Any]]:
    """Ask for the household's list."""
    items: list[dict[str, Any]] = ask(path_of(placement, n))["items"]
    return items


def tell(title: str, items: list[dict[str, Any]]) -> None:
    """Print a list, a line an item, with its reason."""
    say(f"\n{title}:\n")
    width = max(len(item["title"]) for item in items)
    for item in items:
        position, item_id, title, why = item["position"], item["item_id"], item["title"], item["reason"]["text"]
        say(f" {position:>2}  {item_id:<9} {title:<{width}}  {why}")


def curl(path: str, body: object = None) -> str:
    """Return a command line that asks the service; it names the key's variable, never the key."""
    words = ["curl", "-sw", r"'\n'"]
    if body is not None:
        words += ["-H", shlex.quote("Content-Type: application/json"), "-d", shlex.quote(json.dumps(body))]
    if KEY:
        words += ["-H", '"Authorization: Bearer $ENDCAP_API_KEY"']
    return "  " + " ".join([*words, shlex.quote(address() + path)])


def say(line: str) -> None:
    """Print now, since the service's log lines come between; what a shop calls its items must not steer a terminal."""
    print("".join(char if char.isprintable() or char == "\n" else "?" for char in line), flush=True)


def main() -> int:
    """Try the port, prepare, serve; return the exit code."""
    try:
        refuse_a_taken_port()
        prepare()
    except KeyboardInterrupt:
        say("stopped; `make demo` goes on from what is there")
        return 130
    return serve()


if __name__ == "__main__":
    sys.exit(main())

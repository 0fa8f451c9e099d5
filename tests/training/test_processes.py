"""Work spread over processes: the same results whatever their number, and no process outlives who began it."""

import os
import signal
from pathlib import Path

import pytest

from models.errors import TrainingError
from store.bundles.published import PublishedBundles
from tests.store.bundles.accidents import forked, waited
from training.processes import spread


def add(shared: int, job: int) -> int:
    return shared + job


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_results_come_in_the_order_of_the_jobs(processes: int) -> None:
    with spread(add, 100, range(20), processes) as found:
        assert list(found) == list(range(100, 120))


def refuse(shared: int, job: int) -> int:
    raise ValueError(f"{shared} {job}")


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_job_raises_is_raised(processes: int) -> None:
    with pytest.raises(ValueError, match="7 0"), spread(refuse, 7, range(3), processes) as found:
        list(found)


def die(_shared: int, _job: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_a_process_that_is_killed_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(TrainingError, match="run it again with fewer processes"), spread(die, 0, range(3), 2) as found:
        list(found)


def announce(pipe: int, _job: int) -> int:
    """Say who works, and work for ever."""
    os.write(pipe, f"{os.getpid()} ".encode())
    signal.pause()
    return 0


def test_the_processes_of_a_killed_training_end_with_it_and_its_lock_is_free(tmp_path: Path) -> None:
    bundles = PublishedBundles(tmp_path)
    read, write = os.pipe()

    def train() -> None:
        with bundles.training(), spread(announce, write, range(2), 2) as found:
            list(found)

    training = forked(train)
    workers = ""
    while workers.count(" ") < 2:
        workers += os.read(read, 100).decode()
    os.kill(training, signal.SIGKILL)
    assert waited(training) == -signal.SIGKILL
    os.close(write)
    assert os.read(read, 1) == b"", "the pipe ends with the last process that could write to it"
    with bundles.training():
        pass

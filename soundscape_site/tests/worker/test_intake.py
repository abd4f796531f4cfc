from __future__ import annotations

import pytest

from soundscape_site.worker.intake import Intake


class Worker:
    """Notes what its consumer is told."""

    def __init__(self):
        self.told = []
        self.is_warm = True
        self.broker_is_away = False
        self.intake = Intake(self, "photos", is_warm=lambda: self.is_warm)

    def add_task_queue(self, queue):
        if self.broker_is_away:
            raise ConnectionError
        self.told.append(("open", queue))

    def cancel_task_queue(self, queue):
        self.told.append(("close", queue))


@pytest.fixture
def worker():
    return Worker()


def test_a_warm_worker_is_left_alone(worker):
    worker.intake.adjust()
    assert worker.told == []


def test_a_cold_one_takes_nothing_until_it_is_warm(worker):
    worker.is_warm = False
    worker.intake.adjust()
    worker.intake.adjust()
    worker.is_warm = True
    worker.intake.adjust()
    worker.intake.adjust()
    assert worker.told == [("close", "photos"), ("open", "photos")]


def test_what_could_not_be_opened_is_opened_later(worker):
    worker.is_warm = False
    worker.intake.adjust()
    worker.is_warm, worker.broker_is_away = True, True
    with pytest.raises(ConnectionError):
        worker.intake.adjust()
    worker.broker_is_away = False
    worker.intake.adjust()
    assert worker.told[-1] == ("open", "photos")

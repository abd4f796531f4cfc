from __future__ import annotations

import pytest

from soundscape_site.worker.intake import Intake


class Worker:
    """Records the calls of its consumer."""

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


def test_a_warm_worker_keeps_its_queue(worker):
    worker.intake.adjust()
    assert worker.told == []


def test_a_cold_worker_takes_no_messages_until_it_is_warm(worker):
    worker.is_warm = False
    worker.intake.adjust()
    worker.intake.adjust()
    worker.is_warm = True
    worker.intake.adjust()
    worker.intake.adjust()
    assert worker.told == [("close", "photos"), ("open", "photos")]


def test_a_failed_change_is_tried_again(worker):
    worker.is_warm = False
    worker.intake.adjust()
    worker.is_warm, worker.broker_is_away = True, True
    with pytest.raises(ConnectionError):
        worker.intake.adjust()
    worker.broker_is_away = False
    worker.intake.adjust()
    assert worker.told[-1] == ("open", "photos")

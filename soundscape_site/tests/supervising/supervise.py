"""Run a supervisor in a separate process, so that tests can kill it.

`python supervise.py SPECS.json`: a list of children; wanted as long as standard input is open.
"""

import json
import logging
import os
import select
import signal
import sys
from pathlib import Path

from soundscape_site.supervising.supervisor import (
    ChildSpec,
    RestartBudget,
    SupervisionError,
    Supervisor,
)

logger = logging.getLogger(__name__)


def child_spec(fields):
    options = dict(fields)
    options["argv"] = tuple(fields["argv"])
    options["log"] = Path(fields.get("log", os.devnull))
    if "ready_file" in fields:
        options["is_ready"] = Path(options.pop("ready_file")).exists
    if "stop_ladder" in fields:
        ladder = fields["stop_ladder"]
        options["stop_ladder"] = tuple((signal.Signals(number), wait) for number, wait in ladder)
    if "restarts" in fields:
        options["restarts"] = RestartBudget(**fields["restarts"])
    return ChildSpec(**options)


def is_wanted():
    return not select.select([sys.stdin], [], [], 0)[0]


def main():
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    specs = [child_spec(fields) for fields in json.loads(Path(sys.argv[1]).read_text())]
    supervisor = Supervisor(specs, wanted=is_wanted)
    try:
        if supervisor.start():
            logger.info("all are ready")
            supervisor.watch()
    except SupervisionError as error:
        logger.info("gave up: %s", error)
        return 1
    finally:
        supervisor.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())

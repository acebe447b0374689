"""The task worker of the embedded mode: a thread of the web process. A grown site runs `manage.py db_worker` instead."""

import contextlib
import logging
import threading
from collections.abc import Iterator

from django.db import Error, close_old_connections, connection
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from marketplace.studies.services import resume_all

logger = logging.getLogger(__name__)
LOOK_EVERY_S = 0.5
STOP_PATIENCE_S = 3


@contextlib.contextmanager
def working() -> Iterator[None]:
    """Do queued tasks until the block ends; what an earlier process left unfinished is queued again first.

    A task that outlives the end of the block is cut off and begun again at the next start.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_work, args=(stop,), name="tasks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOP_PATIENCE_S)


def _work(stop: threading.Event) -> None:
    resumed = False
    while not stop.wait(LOOK_EVERY_S):
        close_old_connections()
        try:
            if not resumed:
                resume_all()
                resumed = True
            while not stop.is_set() and DBTaskResult.objects.ready().exists():
                _one_task()
        except Error:
            logger.exception("The task worker lost its database; it goes on when that is back")
    connection.close()


def _one_task() -> None:
    Worker(
        queue_names=["*"],
        excluded_queue_names=[],
        interval=0,
        batch=True,
        backend_name="default",
        startup_delay=False,
        max_tasks=1,
        worker_id="embedded",
    ).run()

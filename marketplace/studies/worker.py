"""The task workers of the embedded mode: a thread per queue in the web process. A grown site runs `manage.py db_worker`."""

import contextlib
import logging
import threading
from collections.abc import Iterator

from django.conf import settings
from django.db import Error, close_old_connections, connection
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from marketplace.studies.services import resume_all
from marketplace.studies.tasks import STOPPING

logger = logging.getLogger(__name__)
LOOK_EVERY_S = 0.5
STOP_PATIENCE_S = 3


@contextlib.contextmanager
def working() -> Iterator[None]:
    """Do queued tasks until the block ends; what an earlier process left unfinished is queued again first.

    A study that is at work then lies down after a few slots; what takes longer is cut off. Both begin again at the next
    start.
    """
    STOPPING.clear()
    resume_all()
    threads = [
        threading.Thread(target=_work, args=(queue,), name=f"tasks {queue}", daemon=True)
        for queue in settings.TASK_QUEUES
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        STOPPING.set()
        for thread in threads:
            thread.join(STOP_PATIENCE_S)


def _work(queue: str) -> None:
    ready = DBTaskResult.objects.ready().filter(queue_name=queue)
    while not STOPPING.wait(LOOK_EVERY_S):
        close_old_connections()
        try:
            while not STOPPING.is_set() and ready.exists():
                _one_task(queue)
        except Error:
            logger.exception("The task worker lost its database; it goes on when that is back")
    connection.close()


def _one_task(queue: str) -> None:
    Worker(
        queue_names=[queue],
        excluded_queue_names=[],
        interval=0,
        batch=True,
        backend_name="default",
        startup_delay=False,
        max_tasks=1,
        worker_id=f"embedded {queue}",
    ).run()

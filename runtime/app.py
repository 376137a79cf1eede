"""The entry points: the routes, the queue's worker, catch-up and the operators' function. No logic lives here.

Each imports only what it needs, so the API function never loads a database driver. In Lambda it does so before its
first request.
"""

import functools
import importlib
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, CloudWatchEvent, CognitoUserPoolAuthorizer, CORSConfig, Rate, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.api.event_status import EventReader
    from chalicelib.worker import Worker

app = Chalice(app_name="interaction-tracker", configure_logs=False)

# The stack replaces this pool by the real one: the template is made before the pool exists.
users = CognitoUserPoolAuthorizer("users", provider_arns=["arn:aws:cognito-idp:region:account:userpool/pool"])

# Browsers keep a preflight's answer for so many seconds; Chromium for no more.
CORS = CORSConfig(allow_headers=["Content-Encoding"], max_age=7200)

CATCH_UP_RESERVE_MS = 15_000  # catch-up starts no claim with less time left: one claim can take that long


# Every media type reaches our code, so that a wrong one gets our answer and not Chalice's.
@app.route("/interaction", methods=["POST"], authorizer=users, content_types=["*/*"], cors=CORS)
def interaction() -> Response:
    """Queue one interaction of the token's user and answer at once."""
    from chalicelib.api import http

    return http.post_interaction(app.current_request)


@app.route("/interactions", methods=["POST"], authorizer=users, content_types=["*/*"], cors=CORS)
def interactions() -> Response:
    """Queue up to 100 interactions of the token's user and answer for each."""
    from chalicelib.api import http

    return http.post_interactions(app.current_request)


@app.route("/event/{event_id}", methods=["GET"], authorizer=users, cors=CORS)
def event(event_id: str) -> Response:
    """Tell what of one event of the token's user has arrived."""
    from chalicelib.api.event_status import get_event

    return get_event(app.current_request, event_id, the_event_reader())


@app.lambda_function(name="event_status")
def event_status(event: dict[str, Any], context: object) -> Any:
    """Serve GET /event: in a function of its own, which may read the stores, while the others need not."""
    return app(event, context)


@functools.cache
def the_event_reader() -> "EventReader":
    """Return the process's one reader, which keeps its connections between requests."""
    from chalicelib import connections
    from chalicelib.api.event_status import EventReader

    return EventReader(open_ledger=connections.open_ledger, open_graph=connections.open_graph)


@app.lambda_function(name="worker")
def worker(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Store a batch from the queue; return the messages that SQS must redeliver."""
    return the_worker().handle(event)


@functools.cache
def the_worker() -> "Worker":
    """Return the process's one worker, which keeps its connections between batches."""
    from chalicelib import config, connections
    from chalicelib.queue import SqsQueue
    from chalicelib.worker import Worker

    return Worker(
        open_ledger=connections.open_ledger,
        open_graph=connections.open_graph,
        dead_letter_queue=SqsQueue(config.setting("DEAD_LETTER_QUEUE_URL")),
    )


@app.schedule(Rate(1, unit=Rate.MINUTES), name="catch_up")
def catch_up(event: CloudWatchEvent) -> None:
    """Project what waits in the outbox; start a rebuild if the graph was lost."""
    from chalicelib import connections
    from chalicelib.projection.catch_up import tend

    context: Any = event.context
    with closing(connections.open_ledger()) as ledger, closing(connections.open_graph()) as graph:
        tend(ledger, graph, in_time=lambda: context.get_remaining_time_in_millis() > CATCH_UP_RESERVE_MS)


@app.lambda_function(name="operations")
def operations(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Run one operator's operation: {"operation": "verify", "repair": false}."""
    from chalicelib import connections
    from chalicelib.ledger import statistics
    from chalicelib.operations import dispatch, handlers, offline_calls, reads

    with closing(connections.open_ledger()) as ledger, closing(connections.open_graph()) as graph:
        known: dict[str, Callable[..., Any]] = {
            "migrate": lambda: dispatch.migrate(connections.owner(), ledger, graph),
            "statistics": functools.partial(statistics.answer, ledger),
            "count_discarded": dispatch.count_discarded,
            "record_mended": dispatch.record_mended,
            **handlers.operations(ledger, graph),
            **offline_calls.operations(ledger, graph),
            **reads.operations(ledger, graph),
        }
        return dispatch.run(event, known)


# Lambda names the function that this process is for. What it needs is loaded in the init phase, which has a full core
# whatever the memory, and is in the snapshot of SnapStart. Nothing here connects, and nothing is unique to a process.
NEEDS = {
    "app.app": ["chalicelib.api.http"],
    "app.event_status": ["chalicelib.api.event_status", "chalicelib.connections"],
    "app.worker": ["chalicelib.connections", "chalicelib.worker"],
    "app.catch_up": ["chalicelib.connections", "chalicelib.projection.catch_up"],
    "app.operations": [
        "chalicelib.connections",
        "chalicelib.operations.dispatch",
        "chalicelib.operations.handlers",
        "chalicelib.operations.offline_calls",
        "chalicelib.operations.reads",
    ],
}


def prepare(handler: str) -> None:
    """Load what the function of that handler needs; for no handler nothing."""
    for module in NEEDS.get(handler, []):
        importlib.import_module(module)
    if handler == "app.app":
        from chalicelib.api import http

        http.make_clients()


prepare(os.environ.get("_HANDLER", ""))

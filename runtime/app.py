"""The entry points: the route, the queue's worker, the catch-up and the operators' function; no logic lives here.

What each needs is imported when it first runs: the API function never loads a database driver.
"""

import functools
from contextlib import closing
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, CloudWatchEvent, CognitoUserPoolAuthorizer, CORSConfig, Rate, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.worker import Worker

app = Chalice(app_name="interaction-tracker", configure_logs=False)

# The stack puts the real pool in its place: an environment variable cannot be read when the template is made.
users = CognitoUserPoolAuthorizer("users", provider_arns=["arn:aws:cognito-idp:region:account:userpool/pool"])

TIME_TO_STOP = 15_000  # milliseconds that catch-up leaves unused: one claim can take that long


# Any media type reaches our code, so that a wrong one gets our answer and not Chalice's.
@app.route("/interaction", methods=["POST"], authorizer=users, content_types=["*/*"], cors=CORSConfig(max_age=600))
def interaction() -> Response:
    """Queue one interaction of the token's user and answer at once."""
    from chalicelib import config
    from chalicelib.api import accept as intake
    from chalicelib.queue import SqsQueue
    from chalicelib.telemetry import log, measure

    http: Any = app.current_request
    try:
        request = intake.Request(
            body=http.raw_body,
            content_type=http.headers.get("content-type"),
            claims=http.context["authorizer"]["claims"],
        )
        reply = intake.accept(request, queue=SqsQueue(config.setting("QUEUE_URL")), now=datetime.now(UTC))
    except Exception:  # noqa: BLE001  a fault of ours has the contract's shape too
        log.exception("unexpected")
        measure(Retried=1)
        reply = intake.retry(HTTPStatus.INTERNAL_SERVER_ERROR)
    cors = {
        "Access-Control-Allow-Origin": config.setting("CORS_ORIGIN"),
        "Access-Control-Expose-Headers": "Retry-After",
    }
    headers: dict[str, Any] = reply.headers | cors
    return Response(body=reply.body, headers=headers, status_code=reply.http_status)


@app.lambda_function(name="worker")
def worker(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Store a batch from the queue; tell SQS which messages to bring again."""
    return the_worker().handle(event)


@functools.cache
def the_worker() -> "Worker":
    """Make the worker that this process keeps, with its connections."""
    from chalicelib import config
    from chalicelib import connections as stores
    from chalicelib.queue import SqsQueue
    from chalicelib.worker import Worker

    return Worker(
        open_ledger=stores.open_ledger,
        open_graph=stores.open_graph,
        dead_letters=SqsQueue(config.setting("DEAD_LETTER_QUEUE_URL")),
    )


@app.schedule(Rate(1, unit=Rate.MINUTES), name="catch_up")
def catch_up(event: CloudWatchEvent) -> None:
    """Project what live traffic left behind, and make the graph anew if it was lost."""
    from chalicelib import connections as stores
    from chalicelib.projection import catch_up as upkeep

    context: Any = event.context
    with closing(stores.open_ledger()) as ledger, closing(stores.open_graph()) as graph:
        upkeep.tend(ledger, graph, in_time=lambda: context.get_remaining_time_in_millis() > TIME_TO_STOP)


@app.lambda_function(name="operations")
def operations(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Run one operator's operation: {"operation": "verify", "repair": false}."""
    from chalicelib import connections as stores
    from chalicelib.ledger import statistics
    from chalicelib.operations import dispatch as operations
    from chalicelib.operations import handlers as maintenance

    with closing(stores.open_ledger()) as ledger, closing(stores.open_graph()) as graph:

        def migrate() -> dict[str, Any]:
            return operations.migrate(stores.owner(), graph)

        known: dict[str, Callable[..., Any]] = {
            "migrate": migrate,
            "statistics": functools.partial(statistics.answer, ledger),
            "count_discarded": operations.count_discarded,
            **maintenance.operations(ledger, graph),
        }
        return operations.run(event, known)

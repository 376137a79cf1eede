"""What an error of Neo4j says of the rows, by its code."""

import pytest
from neo4j.exceptions import ClientError, Neo4jError, ServiceUnavailable, TransientError

from chalicelib.graph.errors import GraphUnavailableError, RowsBusyError, RowsRefusedError, judge


def of_code(kind: type[Neo4jError], code: str) -> Neo4jError:
    error = kind("the text quotes a user's data")
    error._neo4j_code = code  # noqa: SLF001  the server sets it
    return error


@pytest.mark.parametrize(
    ("kind", "code", "verdict"),
    [
        (ClientError, "Neo.ClientError.Schema.ConstraintValidationFailed", RowsRefusedError),
        (ClientError, "Neo.ClientError.Statement.ArgumentError", RowsRefusedError),
        (ClientError, "Neo.ClientError.Statement.EntityNotFound", GraphUnavailableError),
        (ClientError, "Neo.ClientError.Security.Unauthorized", GraphUnavailableError),
        (ClientError, "Neo.ClientError.Database.DatabaseNotFound", GraphUnavailableError),
        (ClientError, "Neo.ClientError.Cluster.NotALeader", GraphUnavailableError),
        (ClientError, "Neo.ClientError.Transaction.TransactionTimedOut", RowsBusyError),
        (TransientError, "Neo.TransientError.Transaction.LockAcquisitionTimeout", RowsBusyError),
        (TransientError, "Neo.TransientError.Transaction.DeadlockDetected", GraphUnavailableError),
        (TransientError, "Neo.TransientError.General.MemoryPoolOutOfMemoryError", RowsRefusedError),
    ],
)
def test_a_code_tells_whether_the_rows_may_be_at_fault(
    kind: type[Neo4jError], code: str, verdict: type[Exception]
) -> None:
    judged = judge(of_code(kind, code))
    assert (type(judged), str(judged)) == (verdict, code)


def test_without_a_code_the_name_of_the_error_is_told() -> None:
    judged = judge(ServiceUnavailable("the text quotes an address"))
    assert (type(judged), str(judged)) == (GraphUnavailableError, "ServiceUnavailable")

"""An error of Neo4j says whether the rows may be at fault."""

import pytest
from neo4j.exceptions import DriverError, Neo4jError, ServiceUnavailable

from chalicelib.graph.client import GraphUnavailableError, RowsBusyError, RowsRefusedError, judge


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("Neo.TransientError.General.DatabaseUnavailable", GraphUnavailableError),
        ("Neo.ClientError.Security.Unauthorized", GraphUnavailableError),
        ("Neo.ClientError.Statement.EntityNotFound", GraphUnavailableError),
        ("Neo.ClientError.Statement.ArgumentError", RowsRefusedError),
        ("Neo.ClientError.Schema.ConstraintValidationFailed", RowsRefusedError),
        ("Neo.TransientError.General.MemoryPoolOutOfMemoryError", RowsRefusedError),
        ("Neo.TransientError.General.TransactionOutOfMemoryError", RowsRefusedError),
        ("Neo.ClientError.Transaction.TransactionTimedOut", RowsBusyError),
        ("Neo.TransientError.Transaction.LockAcquisitionTimeout", RowsBusyError),
        ("Neo.TransientError.Transaction.DeadlockDetected", GraphUnavailableError),
    ],
)
def test_the_code_decides(code: str, expected: type[Exception]) -> None:
    judged = judge(Neo4jError._hydrate_neo4j(code=code, message="may quote what a user wrote"))  # noqa: SLF001
    assert type(judged) is expected
    assert str(judged) == code


@pytest.mark.parametrize("error", [ServiceUnavailable("no route"), DriverError("closed")])
def test_an_error_of_the_driver_is_never_the_rows_fault(error: DriverError) -> None:
    assert type(judge(error)) is GraphUnavailableError

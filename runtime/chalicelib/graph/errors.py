"""What an error of Neo4j says of the rows that were written."""

from neo4j.exceptions import DriverError, Neo4jError, TransientError

# EntityNotFound: a wipe is under way.
NOT_THE_ROWS_FAULT = (
    "Neo.ClientError.Statement.EntityNotFound",
    "Neo.ClientError.Security.",
    "Neo.ClientError.Database.",
    "Neo.ClientError.Cluster.",
)
# A lock or the transaction timed out, or somebody ended the transaction.
BUSY = ("Neo.ClientError.Transaction.", "Neo.TransientError.Transaction.LockAcquisitionTimeout")


class GraphUnavailableError(Exception):
    """The graph takes no writes now; the rows are valid and wait."""


class RowsRefusedError(Exception):
    """The graph is available and refuses these rows, or they are too many for one transaction; the text is its code."""


class RowsBusyError(RowsRefusedError):
    """Another transaction locks what these rows write, or they took too long: they are valid and can be tried later."""


def judge(error: Neo4jError | DriverError) -> GraphUnavailableError | RowsRefusedError:
    """Return the error that says whether the rows may be at fault; it keeps the code only: the text may quote data."""
    code = (error.code if isinstance(error, Neo4jError) else None) or type(error).__name__
    too_much = "OutOfMemory" in code  # Neo4j calls it transient, but the same rows cause it again
    transient = isinstance(error, DriverError | TransientError) or code.startswith(NOT_THE_ROWS_FAULT)
    if code.startswith(BUSY):
        return RowsBusyError(code)
    return GraphUnavailableError(code) if transient and not too_much else RowsRefusedError(code)

"""What a failed call says, in one line, and its exit code. Imported only then: botocore takes long to import."""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from scripts.common.exit_codes import FAILED, WRONG_USE
from scripts.common.loopback import is_loopback, parse_host

EXPECTED = (ClientError, BotoCoreError, OSError, ValueError)  # any other error is a bug of ours
# Raised before AWS is called: this machine has no credentials, or they have expired.
NO_CREDENTIALS = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
STALE_CREDENTIALS = {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}


def describe(error: Exception) -> tuple[int, str]:
    """Return the exit code of an expected error, and its message in one line with what helps."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else None
    signed_out = isinstance(error, NO_CREDENTIALS) or code in STALE_CREDENTIALS
    # A profile may have an invalid endpoint; botocore has no class for that.
    invalid_endpoint = isinstance(error, ValueError) and str(error).startswith("Invalid endpoint")
    message = " ".join(str(error).split()) or type(error).__name__
    return WRONG_USE if signed_out or invalid_endpoint else FAILED, message + _hint(error, signed_out=signed_out)


def _hint(error: Exception, *, signed_out: bool) -> str:
    if signed_out:
        return ": sign in to the environment's account (`aws sso login`, AWS_PROFILE, …)"
    host = parse_host(error.kwargs["endpoint_url"]) if isinstance(error, EndpointConnectionError) else ""
    if host and is_loopback(host):
        return ": is the laptop's cloud down? `make up` starts it"
    return ""

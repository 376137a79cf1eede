"""What anybody may send to the laptop's user pool unsigned, as on AWS: a person proves by it who they are.

Sign-up, a forgotten password, the other challenges and what takes an access token need no proof at all in MiniStack.
"""

import json
from collections.abc import Callable
from typing import Final

_SERVICE: Final = "AWSCognitoIdentityProviderService."
TARGETS: Final = frozenset(
    _SERVICE + operation
    for operation in ("InitiateAuth", "RespondToAuthChallenge", "GetTokensFromRefreshToken", "RevokeToken")
)
MAX_BODY_BYTES: Final = 64 * 1024


def proven(target: str, body: bytes, is_genuine: Callable[[str], bool]) -> bytes | None:
    """Return the body as the user pool may have it; None if the pool would take it without a proof.

    `is_genuine` tells whether the user pool has signed a token: MiniStack does not look. It checks passwords itself,
    also in USER_SRP_AUTH and its one challenge, PASSWORD_VERIFIER.
    """
    try:
        request = json.loads(body)
        return json.dumps(request).encode() if _has_proof(target, request, is_genuine) else None
    except (ValueError, RecursionError):  # no JSON, or nested too deep; a token's parts are JSON, too
        return None


def _has_proof(target: str, request: object, is_genuine: Callable[[str], bool]) -> bool:
    match target.removeprefix(_SERVICE), request:
        case "InitiateAuth", {"AuthFlow": "USER_PASSWORD_AUTH" | "USER_SRP_AUTH"}:
            return True
        case "RespondToAuthChallenge", {"ChallengeName": "PASSWORD_VERIFIER"}:
            return True
        case "InitiateAuth", {
            "AuthFlow": "REFRESH_TOKEN" | "REFRESH_TOKEN_AUTH",
            "AuthParameters": {"REFRESH_TOKEN": str(token)},
        }:
            return is_genuine(token)
        case "GetTokensFromRefreshToken", {"RefreshToken": str(token)}:  # how Amplify renews a session
            return is_genuine(token)
        case "RevokeToken", {"Token": str(token)}:
            return is_genuine(token)
        case _:
            return False

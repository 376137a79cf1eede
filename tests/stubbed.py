"""A target that calls nobody: what is asked of AWS is held against AWS's own models, and against what is expected."""

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.stub import Stubber

from scripts.common.target import SHORT_CALLS, Target


@dataclass(frozen=True)
class Stubbed(Target):
    """A target whose clients call nobody."""

    clients: dict[str, tuple[Any, Stubber]] = field(default_factory=dict)

    def client(self, service: str, config: Config = SHORT_CALLS) -> Any:  # noqa: ARG002  the stub answers at once
        if service not in self.clients:
            client = boto3.client(  # type: ignore[call-overload]
                service,
                region_name=self.region,
                aws_access_key_id="test",
                aws_secret_access_key="test",  # noqa: S106
            )
            self.clients[service] = (client, Stubber(client))
            self.clients[service][1].activate()
        return self.clients[service][0]

    def expect(self, service: str, operation: str, answer: dict[str, Any], asked: dict[str, Any]) -> None:
        self.client(service)
        self.clients[service][1].add_response(operation, answer, asked)

    def assert_asked(self) -> None:
        """Tell whether all that was expected was asked."""
        for _, stubber in self.clients.values():
            stubber.assert_no_pending_responses()

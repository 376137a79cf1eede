"""A target that calls nobody: what is asked of AWS is held against AWS's own models, and against what is expected."""

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.stub import Stubber

from scripts.common.target import SHORT_CALLS, Settings, Target


@dataclass(frozen=True)
class Stubbed(Target):
    """A target whose clients call nobody."""

    clients: dict[str, tuple[Any, Stubber]] = field(default_factory=dict)
    rights: set[str] = field(default_factory=set)
    """The IAM actions of what was asked."""

    def client(self, service: str, settings: Settings = SHORT_CALLS) -> Any:  # noqa: ARG002  the stub answers at once
        if service not in self.clients:
            client = boto3.client(  # type: ignore[call-overload]
                service,
                region_name=self.region,
                aws_access_key_id="test",
                aws_secret_access_key="test",  # noqa: S106
            )
            self.clients[service] = (client, Stubber(client))
            client.meta.events.register_first("before-call", self._note_right)  # the stub answers, and ends the round
            self.clients[service][1].activate()
        return self.clients[service][0]

    def expect(self, service: str, operation: str, answer: dict[str, Any], asked: dict[str, Any]) -> None:
        self.client(service)
        self.clients[service][1].add_response(operation, answer, asked)

    def refuse(self, service: str, operation: str, code: str, message: str = "no") -> None:
        self.client(service)
        self.clients[service][1].add_client_error(operation, code, message)

    def _note_right(self, model: Any, **_: Any) -> None:
        rest = model.service_model.service_name == "apigateway"
        self.rights.add(f"{model.service_model.signing_name}:{model.http['method'] if rest else model.name}")

    def assert_asked(self) -> None:
        """Tell whether all that was expected was asked."""
        for _, stubber in self.clients.values():
            stubber.assert_no_pending_responses()

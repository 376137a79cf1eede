"""The documents by which Session Manager forwards a port of a person's machine to a store, and to nothing else."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from stacks.common.names import BOLT, GRAPH_TUNNEL, POSTGRES_TUNNEL, graph_host_name
from stacks.common.parameters import StackParameters
from stacks.config.environment import Environment

_PORT_FORM: Final = "^[0-9]{1,5}$"


class Tunnels(Construct):
    """One document for each store that the data stack made.

    AWS' own document takes any host: who may use it reaches whatever the graph's host does, as the host's own ports.
    """

    def __init__(self, scope: Construct, id_: str, *, parameters: StackParameters, environment: Environment) -> None:
        super().__init__(scope, id_)
        self.arns: list[str] = [self._forward_to(GRAPH_TUNNEL, host=graph_host_name(environment.name), port=str(BOLT))]
        if parameters.postgres:
            host, port = parameters.postgres.postgres_host, parameters.postgres.postgres_port
            self.arns.append(self._forward_to(POSTGRES_TUNNEL, host=host, port=port))

    def _forward_to(self, name: str, *, host: str, port: str) -> str:
        """Make the document, with an output of this name; return its ARN."""
        document = ssm.CfnDocument(
            self,
            name,
            document_type="Session",
            update_method="NewVersion",  # otherwise another host would need another name
            content={
                "schemaVersion": "1.0",
                "description": f"Forwards a port to one store: {name}",
                "sessionType": "Port",
                "parameters": {"localPortNumber": {"type": "String", "allowedPattern": _PORT_FORM, "default": "0"}},
                "properties": {
                    "type": "LocalPortForwarding",
                    "host": host,
                    "portNumber": port,
                    "localPortNumber": "{{ localPortNumber }}",
                },
            },
        )
        cdk.CfnOutput(self, f"{name}Output", value=document.ref).override_logical_id(name)
        return cdk.Stack.of(self).format_arn(service="ssm", resource="document", resource_name=document.ref)

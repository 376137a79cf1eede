"""The stateless stack: the API, the functions and what connects them. Composition only."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.common.parameters import StackParameters
from stacks.config.environment import Environment
from stacks.config.options import MEMORY_MB, RESERVED_CONCURRENCY, ExistingUsers
from stacks.service.alarms import Observability
from stacks.service.api import Api
from stacks.service.audit import Audit
from stacks.service.chalice_package import Package
from stacks.service.function import Function
from stacks.service.metrics import Metrics
from stacks.service.migration import Migration
from stacks.service.operator_policy import Operators
from stacks.service.quota import QuotaTable
from stacks.service.store_access import Stores
from stacks.service.worker_mapping import map_queue_to_worker


class ServiceStack(cdk.Stack):
    """Everything that can be made again from the source."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        super().__init__(scope, id_)
        self._environment = environment
        parameters = self._parameters = StackParameters.read(self, environment=environment)
        self._package = Package(self, "Package", environment=environment)
        self._queue = sqs.Queue.from_queue_attributes(
            self, "Queue", queue_arn=parameters.queue_arn, queue_url=parameters.queue_url
        )
        self._dead_letters = sqs.Queue.from_queue_attributes(
            self, "DeadLetters", queue_arn=parameters.dead_letter_queue_arn, queue_url=parameters.dead_letter_queue_url
        )
        self._stores = Stores(self, "Stores", environment=environment, parameters=parameters)
        self._operations = self._make_operations()
        self._migration = Migration(
            self,
            "Migration",
            operations=self._operations.reference,
            version=f"{self._package.version}{type(environment.postgres).__name__}",
            environment=environment,
        )
        self._event_status = self._make_event_status()
        self._api_function = self._make_api_function()
        self._api = self._make_api()
        self._catch_up = self._make_catch_up()
        self._worker = self._make_worker()
        # The worker first: it reads what the API of its own release queues, and older messages too.
        self._package.function("APIHandler").node.add_dependency(self._worker.resource)
        self._mapping = map_queue_to_worker(self, self._queue, self._worker, environment=environment)
        self._mapping.node.add_dependency(self._migration.done)
        Observability(
            self,
            "Observability",
            metrics=Metrics(environment=environment, parameters=parameters),
            functions=self._package.functions,
            environment=environment,
        )
        Operators(
            self,
            "Operators",
            operations=self._operations.reference,
            queue=self._queue,
            dead_letters=self._dead_letters,
            logs={"ApiLog": self._api_function.log, "WorkerLog": self._worker.log},
            parameters=parameters,
            environment=environment,
        )
        if environment.audit_days:
            Audit(
                self,
                "Audit",
                operations=self._operations.reference,
                dead_letters=self._dead_letters,
                queue=self._queue,
                sender=self._api_function.role,
                environment=environment,
            )
        self._make_outputs()

    def _make_api_function(self) -> Function:
        function = self._make_function(
            "APIHandler",
            timeout_seconds=10,
            variables={"QUEUE_URL": self._queue.queue_url, **self._http_variables},
        )
        self._queue.grant_send_messages(function.role)
        if self._environment.quota:
            QuotaTable(self, "Quota", quota=self._environment.quota).count_in(function)
        if self._environment.snap_start:
            function.start_from_snapshot(self._package.version)
        return function

    def _make_api(self) -> Api:
        return Api(
            self,
            "Api",
            routes=self._package.routes,
            handler=self._api_function,
            event_status=self._event_status,
            user_pool_arn=self._parameters.user_pool_arn,
            environment=self._environment,
        )

    def _make_event_status(self) -> Function:
        function = self._make_function(
            "EventStatus", timeout_seconds=20, variables=self._http_variables, role="event_status"
        )
        function.resource.node.add_dependency(self._migration.done)
        return function

    @property
    def _http_variables(self) -> dict[str, str]:
        """The environment variables of the functions that answer frontends."""
        users = self._environment.users
        others = users.other_client_ids if isinstance(users, ExistingUsers) else ()
        return {
            "CORS_ORIGIN": self._environment.cors_origin,
            "USER_POOL_CLIENT_IDS": ",".join([self._parameters.user_pool_client_id, *others]),
        }

    def _make_operations(self) -> Function:
        function = self._make_function(
            "Operations",
            timeout_seconds=840,  # less than that of CDK's provider, which reports a time-out to the deploy
            variables=self._stores.operations_variables(),
            role="operator",
        )
        self._stores.grant_operations(function.role)
        return function

    def _make_catch_up(self) -> Function:
        function = self._make_function("CatchUp", timeout_seconds=60, variables={}, role="app")
        function.disable_retries()
        function.resource.node.add_dependency(self._migration.done)
        return function

    def _make_worker(self) -> Function:
        function = self._make_function(
            "Worker",
            timeout_seconds=self._environment.worker.timeout_seconds,
            variables={"DEAD_LETTER_QUEUE_URL": self._dead_letters.queue_url},
            role="app",
        )
        self._queue.grant_consume_messages(function.role)
        self._dead_letters.grant_send_messages(function.role)
        function.resource.node.add_dependency(self._migration.done)
        return function

    def _make_outputs(self) -> None:
        outputs = {
            "ApiUrl": self._api.url(self._environment),
            "RestApiId": self._api.rest_api.rest_api_id,
            "ApiStage": self._api.stage_name,
            "UserPoolId": self._parameters.user_pool_id,
            "UserPoolClientId": self._parameters.user_pool_client_id,
            "QueueUrl": self._queue.queue_url,
            "DeadLetterQueueUrl": self._dead_letters.queue_url,
            "WorkerFunction": self._worker.resource.ref,
            "CatchUpFunction": self._catch_up.resource.ref,
            "OperationsFunction": self._operations.resource.ref,
            "WorkerMapping": self._mapping.event_source_mapping_id,
        }
        for name, value in outputs.items():
            cdk.CfnOutput(self, f"{name}Output", value=value).override_logical_id(name)

    def _make_function(
        self, name: str, *, timeout_seconds: int, variables: Mapping[str, str], role: str | None = None
    ) -> Function:
        """Make a function; with a `role` it may use both stores, and logs in to Postgres as that role."""
        function = Function(
            self,
            f"{name}Function",
            resource=self._package.function(name),
            environment=self._environment,
            timeout_seconds=timeout_seconds,
            memory_mb=MEMORY_MB.get(name, 512),
            variables={**variables, **(self._stores.variables(role=role) if role else {})},
        )
        if self._environment.reserved_concurrency:
            function.resource.reserved_concurrent_executions = RESERVED_CONCURRENCY.get(name)
        if role:
            self._stores.grant(function.role, role=role)
            function.join_network(self._parameters.network, security_groups=self._stores.client_security_groups)
        return function

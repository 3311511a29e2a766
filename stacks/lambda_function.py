"""A Lambda function with its log group. Its code is a folder of lambda/."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from aws.log_groups import function_log_group
from settings import Settings, names
from stacks.log_group import log_group
from stacks.network import Placement

_SOURCES = Path(__file__).parent.parent / "lambda"


class LambdaFunction(Construct):
    """`function`, named `<prefix>-<name>`, and its log group.

    It runs `handler` of lambda/<module>/<module>.py, where the module is `name` with underscores; in a VPC if it has a
    `placement`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        name: names.FunctionSuffix,
        description: str,
        role: iam.Role,
        environment: Mapping[str, str],
        memory_mb: int,
        timeout_seconds: int,
        reserved_concurrency: int | None = None,
        placement: Placement | None = None,
    ) -> None:
        super().__init__(scope, id)
        module, full_name = name.replace("-", "_"), names.resource_name(settings.prefix, name)
        # Lambda logs to the group of this name by default. It exists, so the function needs no permission to create it.
        log = log_group(self, "Log", name=function_log_group(full_name), settings=settings)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=full_name,
            description=description,
            runtime=lambda_.Runtime.PYTHON_3_14,
            code=lambda_.Code.from_asset(str(_SOURCES / module), exclude=["__pycache__", "*.pyc"]),
            handler=f"{module}.handler",
            # stacks/permissions has every statement, so drop those that CDK would add.
            role=role.without_policy_updates(),
            memory_size=memory_mb,
            timeout=Duration.seconds(timeout_seconds),
            environment=dict(environment),
            reserved_concurrent_executions=reserved_concurrency,
            logging_format=lambda_.LoggingFormat.JSON,
        )
        self.function.node.add_dependency(log)
        if placement:
            placement.put(self.function)

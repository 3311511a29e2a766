"""The function that callers use. It classifies an image with the endpoint."""

from aws_cdk import Aws, CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from settings import Settings, names
from stacks.function_scaling import FunctionScaling
from stacks.lambda_function import LambdaFunction
from stacks.network import Placement


class Classify(Construct):
    """`function`, and the `alias` that callers use.

    The alias has the provisioned concurrency, never a version (aws-cdk#8883).

    It belongs to the endpoint's stack and must depend on the endpoint: then CloudFormation deletes a replaced endpoint
    only after the alias has moved to the new one. Without an `endpoint_name` the function says that it is off, and
    nothing is kept warm for that.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        endpoint_name: str,
        role: iam.Role,
        placement: Placement | None = None,
    ) -> None:
        super().__init__(scope, id)
        name = names.resource_name(settings.prefix, "classify")
        folder = f"s3://{names.bucket_name(settings.prefix, Aws.ACCOUNT_ID, Aws.REGION)}/{settings.s3_images}"
        images = folder if settings.s3_images else ""
        self.function = LambdaFunction(
            self,
            "Handler",
            settings=settings,
            name="classify",
            description="Classifies one image with the endpoint",
            role=role,
            environment={
                "ENDPOINT_NAME": endpoint_name,
                # Two attempts and the response must fit into the function's timeout.
                "ENDPOINT_TIMEOUT_SECONDS": str((settings.lambda_timeout - 2) // 2),
                "MAX_IMAGE_BYTES": str(settings.max_image_mb * 2**20),
                "S3_IMAGES": images,
                # None in a private network, which reaches no web server.
                "URL_HOSTS": "" if placement else settings.url_hosts,
                "URL_SUFFIX": Aws.URL_SUFFIX,
            },
            memory_mb=settings.lambda_memory_mb,
            timeout_seconds=settings.lambda_timeout,
            reserved_concurrency=settings.lambda_reserved_concurrency or None,
            placement=placement,
        ).function
        warm = settings.lambda_provisioned_concurrency if endpoint_name else 0
        self.alias = lambda_.Alias(
            self,
            "Live",
            alias_name=names.ALIAS,
            version=self.function.current_version,
            provisioned_concurrent_executions=warm or None,
        )
        if 0 < warm < settings.lambda_max_provisioned_concurrency:
            FunctionScaling(self, "Scaling", settings=settings, alias=self.alias, name=name)
        stack = Stack.of(self)
        CfnOutput(stack, "FunctionName", value=name)
        CfnOutput(stack, "AliasName", value=names.ALIAS)
        CfnOutput(stack, "ProvisionedConcurrency", value=str(warm))
        if images:
            CfnOutput(stack, "S3Images", value=images, description="where images are classified by S3 address")

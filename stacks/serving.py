"""The endpoint with its model and configuration, and the function that callers use.

Model and configuration cannot be updated, so they have no fixed name and are replaced. The endpoint is updated in
place; only another instance type makes a new one.
"""

from aws_cdk import Aws, CfnOutput, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from aws.log_groups import endpoint_log_group
from settings import Settings, names
from stacks.classify import Classify
from stacks.endpoint_alarms import EndpointAlarms, rollback_metrics
from stacks.endpoint_scaling import EndpointScaling
from stacks.http_front import HttpFront
from stacks.live_endpoint import ExistingEndpoint, LiveEndpoint
from stacks.log_group import log_group
from stacks.network import Placement
from stacks.scoring_job import scoring_job
from stacks.serving_image import ServingImage
from stacks.traffic_shift import config_id, deployment_config


class Serving(Stack):
    """`endpoint`, named `endpoint_name`, serves the model at `model_data_url`, which must exist first.

    With the setting `endpoint` off there is no endpoint. Model and configuration cost nothing and stay, and the
    function answers that it is off.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        model_data_url: str,
        key: kms.IKey,
        role: iam.IRole,
        scoring_role: iam.IRole,
        function_role: iam.Role,
        placement: Placement | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.endpoint_name = names.endpoint_name(settings.prefix, settings.endpoint_instance_type)
        on = settings.endpoint == "on"
        image = ServingImage(self, "Image", settings=settings)
        self.model = sagemaker.CfnModel(
            self,
            "Model",
            execution_role_arn=role.role_arn,
            enable_network_isolation=True,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=image.uri, model_data_url=model_data_url
            ),
            vpc_config=placement and placement.of_model(),
        )
        self.config = sagemaker.CfnEndpointConfig(
            self,
            "Config",
            production_variants=[
                sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                    variant_name=names.VARIANT,
                    model_name=self.model.attr_model_name,
                    instance_type=settings.endpoint_instance_type,
                    initial_instance_count=settings.endpoint_min_instances,
                    initial_variant_weight=1,
                )
            ],
            kms_key_id=None if settings.endpoint_instance.local_disk else key.key_arn,
            data_capture_config=_capture(settings, key) if settings.endpoint_data_capture_percent else None,
            # On by default since June 2026: billed metrics, and scrapes of a path that the server does not have.
            metrics_config=sagemaker.CfnEndpointConfig.MetricsConfigProperty(enable_detailed_observability=False),
        )
        self.config.override_logical_id(config_id(self, settings, rollback_metrics(settings)))
        # SageMaker would create the group that it logs to without a retention.
        log = log_group(self, "Log", name=endpoint_log_group(self.endpoint_name), settings=settings)
        classify = Classify(
            self,
            "Classify",
            settings=settings,
            endpoint_name=self.endpoint_name if on else "",
            role=function_role,
            placement=placement,
        )
        if settings.api != "none":
            HttpFront(self, "Api", settings=settings, alias=classify.alias)
        CfnOutput(self, "ModelDataUrl", value=model_data_url)
        scoring = scoring_job(
            settings,
            image_uri=image.uri,
            model_data_url=model_data_url,
            role_arn=scoring_role.role_arn,
            key_arn=key.key_arn,
            placement=placement,
        )
        CfnOutput(self, "ScoringJob", value=self.to_json_string(scoring), description="request of make score, as JSON")
        if on:
            self._switch_on(settings)
            self.endpoint.node.add_dependency(log)
            classify.node.add_dependency(self.endpoint)

    def _switch_on(self, settings: Settings) -> None:
        alarms = EndpointAlarms(
            self, "Rollback", settings=settings, endpoint_name=self.endpoint_name, config=self.config
        )
        function = names.resource_name(settings.prefix, "trained-model")
        existing = ExistingEndpoint(
            self, "Existing", function_name=function, endpoint_name=self.endpoint_name, config=self.config
        )
        self.endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=self.endpoint_name,
            endpoint_config_name=self.config.attr_endpoint_config_name,
            # Without this, every deploy would reset the auto-scaled number of instances to the initial one. AWS's page
            # on the type has it for updates only, and does not say what happens at creation.
            retain_all_variant_properties=existing.exists,
            deployment_config=deployment_config(settings, alarms.alarm_names),
        )
        LiveEndpoint(
            self,
            "Live",
            function_name=function,
            endpoint_name=self.endpoint_name,
            endpoint=self.endpoint,
            config=self.config,
        )
        self.endpoint.node.add_dependency(alarms)  # SageMaker reads them when the update begins
        scaling = EndpointScaling(self, "Scaling", settings=settings, endpoint_name=self.endpoint_name)
        scaling.node.add_dependency(self.endpoint)
        CfnOutput(self, "EndpointName", value=self.endpoint_name)
        CfnOutput(self, "EndpointConfigName", value=self.config.attr_endpoint_config_name)


def _capture(settings: Settings, key: kms.IKey) -> sagemaker.CfnEndpointConfig.DataCaptureConfigProperty:
    """Store sampled calls below capture/: requests as base64, responses as JSON."""
    config = sagemaker.CfnEndpointConfig
    return config.DataCaptureConfigProperty(
        enable_capture=True,
        initial_sampling_percentage=settings.endpoint_data_capture_percent,
        destination_s3_uri=f"s3://{names.bucket_name(settings.prefix, Aws.ACCOUNT_ID, Aws.REGION)}/{names.CAPTURE}",
        kms_key_id=key.key_arn,
        capture_options=[config.CaptureOptionProperty(capture_mode=mode) for mode in ("Input", "Output")],
        capture_content_type_header=config.CaptureContentTypeHeaderProperty(json_content_types=["application/json"]),
    )

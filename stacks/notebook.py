"""The notebook instance: small, without root access, and stopped when it is idle."""

from pathlib import Path

from aws_cdk import CfnOutput, Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from aws.log_groups import endpoint_log_group
from settings import Settings, names
from stacks.log_group import log_group
from stacks.notebook_files import NotebookFiles

_ON_START = Path(__file__).parent.parent / "notebooks" / "on_start.sh"
_VOLUME_GIB = 10  # the Python environment takes 2
_PLATFORM = "notebook-al2023-v1"  # the only supported one


class Notebook(Stack):
    """`instance` downloads `files` when it starts, and uses `role`. It only starts jobs, so a small one is enough.

    SageMaker gives it internet access. Without that, it would need a VPC with a NAT gateway, or with an endpoint for
    each of nine AWS services (iam/acknowledged.yaml has the reason in full).
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        files: NotebookFiles,
        key: kms.IKey,
        role: iam.IRole,
    ) -> None:
        super().__init__(scope, id)
        name = names.resource_name(settings.prefix, "notebook")
        lifecycle = sagemaker.CfnNotebookInstanceLifecycleConfig(
            self,
            "Lifecycle",
            on_start=[
                sagemaker.CfnNotebookInstanceLifecycleConfig.NotebookInstanceLifecycleHookProperty(
                    content=Fn.base64(_script(settings, name, files))
                )
            ],
        )
        self.instance = sagemaker.CfnNotebookInstance(
            self,
            "Instance",
            notebook_instance_name=name,
            instance_type=settings.notebook_instance_type,
            role_arn=role.role_arn,
            root_access="Disabled",
            direct_internet_access="Enabled",
            kms_key_id=key.key_arn,
            instance_metadata_service_configuration=(
                sagemaker.CfnNotebookInstance.InstanceMetadataServiceConfigurationProperty(
                    minimum_instance_metadata_service_version="2"
                )
            ),
            platform_identifier=_PLATFORM,
            volume_size_in_gb=_VOLUME_GIB,
            lifecycle_config_name=lifecycle.attr_notebook_instance_lifecycle_config_name,
        )
        # Log group of the endpoint that the notebook makes. SageMaker would create it without a retention.
        endpoint = names.notebook_endpoint_name(settings.prefix)
        log_group(self, "EndpointLog", name=endpoint_log_group(endpoint), settings=settings)
        CfnOutput(self, "NotebookName", value=self.instance.attr_notebook_instance_name)
        CfnOutput(self, "NotebookFiles", value=files.url)


def _script(settings: Settings, name: str, files: NotebookFiles) -> str:
    """notebooks/on_start.sh below the variables that it uses."""
    given = {
        "NAME": name,
        "PREFIX": settings.prefix,
        "FILES": files.url,
        "IDLE_MINUTES": str(settings.notebook_idle_minutes),
    }
    assignments = "".join(f"{variable}='{value}'\n" for variable, value in given.items())
    return f"#!/bin/bash\n{assignments}{_ON_START.read_text()}"

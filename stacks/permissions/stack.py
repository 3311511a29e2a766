"""The stack that creates every role."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from aws.containers import training_container
from settings import Settings
from stacks.permissions.classify import classify_role
from stacks.permissions.ec2_training import ec2_training_role
from stacks.permissions.hosting import hosting_role
from stacks.permissions.notebook import notebook_role
from stacks.permissions.notebook_trial import notebook_trial_role
from stacks.permissions.scoring import scoring_role
from stacks.permissions.statements import Bucket, bucket_arn
from stacks.permissions.trained_model import trained_model_role
from stacks.permissions.training import training_role
from stacks.registry_account import registry_account
from stacks.storage import Storage


class Roles(Stack):
    """Roles `training`, `hosting` and `scoring` (SageMaker), `trained_model` and `classify` (Lambda).

    `notebook`, and `ec2_profile` with the role of the EC2 instance, are None unless the settings ask for them.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings, storage: Storage) -> None:
        super().__init__(scope, id)
        prefix = settings.prefix
        bucket = Bucket(arn=bucket_arn(storage.bucket_name), key=storage.key.key_arn)
        image = training_container(registry_account(self, settings), settings.training_instance)
        self.training = training_role(self, settings=settings, bucket=bucket, program=storage.program, image=image)
        self.hosting = hosting_role(self, settings=settings, bucket=bucket)
        self.scoring = scoring_role(self, settings=settings, bucket=bucket)
        self.trained_model = trained_model_role(self, settings=settings, bucket=bucket, training=self.training)
        self.classify = classify_role(self, settings=settings, bucket=bucket)
        self.notebook: iam.Role | None = None
        if storage.notebook_files:
            trial = notebook_trial_role(self, settings=settings, bucket=bucket, program=storage.program, image=image)
            self.notebook = notebook_role(
                self, prefix=prefix, role_path=settings.role_path, bucket=bucket, files=storage.notebook_files,
                trial=trial,
            )  # fmt: skip
        self.ec2_profile: iam.CfnInstanceProfile | None = None
        if settings.ec2_training:
            host = ec2_training_role(self, settings=settings, bucket=bucket, program=storage.program)
            self.ec2_profile = iam.CfnInstanceProfile(
                self, "Ec2Profile", instance_profile_name=host.role_name, roles=[host.role_name]
            )
        if settings.role_path != "/":
            for made in self.node.find_all():
                if isinstance(made, iam.CfnRole | iam.CfnInstanceProfile):
                    made.path = settings.role_path

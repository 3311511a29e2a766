"""Where everything is kept: one bucket (data/, jobs/, models/), its key and access log, and the program."""

from aws_cdk import Aws, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from settings import Settings, names
from stacks.alarm_topic import tellers
from stacks.notebook_files import NotebookFiles
from stacks.training_program import TrainingProgram


class Storage(Stack):
    """`bucket_name` encrypted with `key`; `program`, the training program's zip in CDK's own asset bucket."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id)
        prefix = settings.prefix
        removal = RemovalPolicy.RETAIN if settings.keep_data else RemovalPolicy.DESTROY
        self.bucket_name = names.bucket_name(prefix, Aws.ACCOUNT_ID, Aws.REGION)
        self.program = TrainingProgram(self, "Program")
        self.notebook_files = NotebookFiles(self, "NotebookFiles") if settings.notebook else None

        self.key = kms.Key(
            self,
            "Key",
            alias=names.key_alias(prefix),
            enable_key_rotation=True,
            removal_policy=removal,
            description=f"Data, jobs and models of {prefix}",
        )
        self._let_alarms_use_the_key(prefix)
        access_log = s3.Bucket(
            self,
            "AccessLog",
            bucket_name=names.access_log_bucket(self.bucket_name),
            # S3 cannot deliver access logs under a KMS key of ours.
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            # Who wipes the traces in the log leaves them in its versions.
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="expire", expiration=Duration.days(90), noncurrent_version_expiration=Duration.days(30)
                )
            ],
            removal_policy=removal,
        )
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=self.bucket_name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            server_access_logs_bucket=access_log,
            server_access_logs_prefix="bucket/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="tidy",
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                    noncurrent_version_expiration=Duration.days(30),
                ),
                # What is worth keeping of a job is its model, and that is copied to models/.
                s3.LifecycleRule(id="jobs", prefix=f"{names.JOBS}/", expiration=Duration.days(90)),
                # Nobody goes on from a checkpoint of a training that was given up weeks ago.
                s3.LifecycleRule(id="checkpoints", prefix=f"{names.CHECKPOINTS}/", expiration=Duration.days(14)),
                # People's images: no longer than it takes to look into what the model makes of them.
                s3.LifecycleRule(id="capture", prefix=f"{names.CAPTURE}/", expiration=Duration.days(30)),
            ],
            removal_policy=removal,
        )
        CfnOutput(self, "BucketName", value=self.bucket_name)

    def _let_alarms_use_the_key(self, prefix: str) -> None:
        """Alarms and budget write to the topic under this key: of AWS's own key for SNS nobody can let them in."""
        for sid, (service, condition) in tellers(prefix).items():
            self.key.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=f"{sid}UseTopic",
                    principals=[iam.ServicePrincipal(service)],
                    actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                    resources=["*"],  # of a key's policy: the key itself
                    conditions=condition,
                )
            )

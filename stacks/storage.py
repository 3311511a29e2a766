"""The bucket (settings/names.py has its layout), its key and access log, and the training program."""

from aws_cdk import Aws, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from settings import Settings, names
from stacks.alarm_topic import allow_publishers
from stacks.notebook_files import NotebookFiles
from stacks.training_program import TrainingProgram


class Storage(Stack):
    """`bucket`, encrypted with `key`, and its `access_log`; `program` and `notebook_files` are zips in CDK's bucket."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id)
        prefix = settings.prefix
        # A first deploy that fails removes what it made: that would cost, and keep its names from the next deploy.
        removal = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if settings.keep_data else RemovalPolicy.DESTROY
        self.bucket_name = names.bucket_name(prefix, Aws.ACCOUNT_ID, Aws.REGION)
        self.program = TrainingProgram(self, "Program")
        self.notebook_files = NotebookFiles(self, "NotebookFiles") if settings.notebook else None

        self.key: kms.IKey = (
            kms.Key.from_key_arn(self, "Key", settings.existing_key_arn)
            if settings.existing_key_arn
            else self._new_key(prefix, removal)
        )
        self.access_log = s3.Bucket(
            self,
            "AccessLog",
            bucket_name=names.access_log_bucket(self.bucket_name),
            # S3 cannot deliver access logs to a bucket with a KMS key of ours.
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            # Deleted log entries stay as versions.
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
            server_access_logs_bucket=self.access_log,
            server_access_logs_prefix="bucket/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="tidy",
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                    noncurrent_version_expiration=Duration.days(30),
                ),
                # A job's model is copied to models/; the rest expires.
                s3.LifecycleRule(id="jobs", prefix=f"{names.JOBS}/", expiration=Duration.days(names.JOB_DAYS)),
                # Nobody resumes a training that was given up weeks ago.
                s3.LifecycleRule(id="checkpoints", prefix=f"{names.CHECKPOINTS}/", expiration=Duration.days(14)),
                # Images and results of a scoring: make score has downloaded the results.
                s3.LifecycleRule(id="scores", prefix=f"{names.SCORES}/", expiration=Duration.days(names.SCORE_DAYS)),
                # Images of callers: keep them only as long as it takes to examine predictions.
                s3.LifecycleRule(
                    id="capture", prefix=f"{names.CAPTURE}/", expiration=Duration.days(names.CAPTURE_DAYS)
                ),
            ],
            removal_policy=removal,
        )
        CfnOutput(self, "BucketName", value=self.bucket_name)

    def _new_key(self, prefix: str, removal: RemovalPolicy) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias=names.key_alias(prefix),
            enable_key_rotation=True,
            removal_policy=removal,
            description=f"Data, jobs and models of {prefix}",
        )
        # For the topic: the policy of the AWS-managed SNS key cannot be edited. In a key's policy * is the key itself.
        for statement in allow_publishers(prefix, ["kms:Decrypt", "kms:GenerateDataKey*"], "*", sid="UseTopic"):
            key.add_to_resource_policy(statement)
        return key

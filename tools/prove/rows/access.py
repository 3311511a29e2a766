"""Rows about roles: their policies, and who assumes them."""

import json

import boto3

from tools.prove import trail
from tools.prove.row import Answer, row
from tools.prove.system import ProvedSystem

_WRONG = ("ERROR", "SECURITY_WARNING")


def roles(system: ProvedSystem) -> dict[str, str]:
    """Names of the roles, by what uses them, as those say themselves."""
    functions, model = boto3.client("lambda"), system.model()
    arns = {
        "training": system.job(system.facts["base"]["jobs"][0])["RoleArn"],
        "hosting": model["ExecutionRoleArn"],
        **{
            suffix: functions.get_function_configuration(FunctionName=f"{system.prefix}-{suffix}")["Role"]
            for suffix in ("trained-model", "classify")
        },
    }
    return {use: arn.rpartition("/")[2] for use, arn in arns.items()}


def by(role: str) -> trail.Of:
    """Events of calls by this role."""
    return lambda event: f"role/{role}" in json.dumps(event["userIdentity"])


@row(
    question="Does the gate's view of trust agree with AWS's?",
    expected="no ERROR, no SECURITY_WARNING",
    step="base",
    why="account only",
)
def trust_policies_are_valid(system: ProvedSystem) -> Answer:
    """Have IAM Access Analyzer validate the trust policy of each role."""
    iam, analyzer = boto3.client("iam"), boto3.client("accessanalyzer")
    said, wrong = [], 0
    for role in roles(system).values():
        trust = json.dumps(iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"])
        found = analyzer.validate_policy(policyType="RESOURCE_POLICY", policyDocument=trust)["findings"]
        wrong += sum(finding["findingType"] in _WRONG for finding in found)
        codes = [f"{finding['findingType']} {finding['issueCode']}" for finding in found]
        said.append(f"{role}: {', '.join(codes) or 'no finding'}")
    return Answer(f"{wrong} findings", not wrong, "\n".join(said))


@row(
    question="Is a line of `iam/contract.yaml` not needed on AWS?",
    expected="every service of each role's contract was accessed, a day later",
    step="end",
    why="later",
)
def unused_permissions(system: ProvedSystem) -> Answer:
    """Deploy a stage of your own; a day later, `aws iam generate-service-last-accessed-details` for each role."""
    found = [boto3.client("iam").get_role(RoleName=name)["Role"] for name in roles(system).values()]
    shown = [
        f"{role['Arn']}: last used {role.get('RoleLastUsed', {}).get('LastUsedDate', 'unknown')}" for role in found
    ]
    return Answer("ask for what the roles accessed, a day after a deploy", None, "\n".join(shown))


@row(
    question="Does the role need `cloudwatch:DescribeAlarms` on the alarms, and is that enough?",
    expected="DescribeAlarms by the hosting role, and no access denied",
    step="end",
    why="account only",
    uses=("tuned",),
)
def alarms_are_described_by_the_role(system: ProvedSystem) -> Answer:
    """Look into CloudTrail for DescribeAlarms by the hosting role, since the canary."""
    role, since = roles(system)["hosting"], system.facts["tuned"]["began"]
    return trail.calls(system, "DescribeAlarms", since, by(role), said="requestParameters")


@row(
    question="Which source ARN does SageMaker give when a tuning job assumes the role?",
    expected="either; without `hyper-parameter-tuning-job`, the trust line with `when: tuning` can go",
    step="end",
    doubt="tuning-source",
    why="account only",
    uses=("tuned",),
)
def source_of_a_tuning_job(system: ProvedSystem) -> Answer:
    """Look into CloudTrail for AssumeRole by sagemaker.amazonaws.com, since the tuning."""
    return trail.assumed(system, roles(system)["training"], system.facts["tuned"]["began"])


@row(
    question="Which source ARN does SageMaker give when a notebook instance assumes the role?",
    expected="one that the trust policy lets in: the instance starts",
    step="end",
    doubt="notebook-source",
    why="account only",
    uses=("notebook",),
)
def source_of_a_notebook(system: ProvedSystem) -> Answer:
    """Look into CloudTrail for AssumeRole by sagemaker.amazonaws.com, since the notebook was made."""
    facts = system.facts["notebook"]
    instance = boto3.client("sagemaker").describe_notebook_instance(NotebookInstanceName=facts["name"])
    return trail.assumed(system, instance["RoleArn"].rpartition("/")[2], facts["began"])


@row(
    question="Is KMS asked by the caller directly, or via S3?",
    expected="either: the roles' policies let in both",
    step="end",
    doubt="kms-direct",
    why="account only",
)
def key_is_asked_by(system: ProvedSystem) -> Answer:
    """Look into CloudTrail for GenerateDataKey by the training role: its source is the service that asked."""
    role, since = roles(system)["training"], system.facts["base"]["began"]
    return trail.calls(system, "GenerateDataKey", since, by(role), said="sourceIPAddress")

"""Regions whose CloudFormation lacks a resource type of ours. Every other region has all of them.

Source: CloudFormation's resource schemas of each region ("CloudFormation schemas for resource providers", template
reference), as cfn-lint 1.58 carries them; the tests compare both. A region that AWS opens later counts as complete.
"""

BUDGET = "AWS::Budgets::Budget"
ENDPOINT = "AWS::SageMaker::Endpoint"

REGIONS_WITHOUT: dict[str, tuple[str, ...]] = {
    BUDGET: (
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-northeast-3",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "eu-central-2",
        "eu-north-1",
        "eu-south-1",
        "eu-south-2",
        "il-central-1",
        "me-central-1",
        "mx-central-1",
        "us-gov-east-1",
        "us-gov-west-1",
    ),
    ENDPOINT: ("me-central-1", "us-gov-east-1"),
}
"""Regions by type. A region without endpoints has no other type of SageMaker either."""


def lacks(region: str, resource_type: str) -> bool:
    """True if the region's CloudFormation does not know the type."""
    known_as = ENDPOINT if resource_type.startswith("AWS::SageMaker::") else resource_type
    return region in REGIONS_WITHOUT.get(known_as, ())

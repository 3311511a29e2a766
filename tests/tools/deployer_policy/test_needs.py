"""Where the app is deployed decides what its templates' pseudo parameters are."""

from tools.deployer_policy.needs import DeployPlace


def test_domain_is_the_partition_s() -> None:
    """AWS: `AWS::URLSuffix`, "Get AWS values using pseudo parameters", CloudFormation user guide."""
    via = "s3.${AWS::Region}.${AWS::URLSuffix}"
    assert DeployPlace("111122223333", "eu-west-1").filled(via) == "s3.eu-west-1.amazonaws.com"
    assert DeployPlace("111122223333", "eusc-de-east-1", "aws-eusc").filled(via) == "s3.eusc-de-east-1.amazonaws.eu"
    assert DeployPlace("111122223333", "cn-north-1", "aws-cn").filled(via) == "s3.cn-north-1.amazonaws.com.cn"

"""`make destroy` finds a deployment's resources in an account that holds others' too."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tools.deploy import inventory
from tools.deploy.inventory import DeployedResource, Deployment

OF = Deployment("app", "dev", "000000000000")
OURS = [{"TagKey": "app", "TagValue": "app"}, {"TagKey": "stage", "TagValue": "dev"}]


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "Operation")


class Account:
    """Every service: `listings` by operation, and the tags of each key and model; one without any is shut to us."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.listings: dict[str, Any] = {}
        self.tags: dict[str, list[dict[str, str]]] = {}
        monkeypatch.setattr(inventory, "pages", self._pages)
        monkeypatch.setattr(inventory.boto3, "client", lambda _: self)

    def _pages(self, service: str, operation: str, key: str, **arguments: Any) -> Any:
        listing = self.listings.get(operation, [])
        yield from listing(**arguments) if callable(listing) else listing

    def list_buckets(self) -> dict[str, Any]:
        return {"Buckets": self.listings.get("list_buckets", [])}

    def describe_key(self, KeyId: str) -> dict[str, Any]:
        if KeyId not in self.tags:
            raise refused("AccessDeniedException")
        return {"KeyMetadata": {"KeyManager": "CUSTOMER", "KeyState": "Enabled"}}

    def list_tags(self, ResourceArn: str) -> dict[str, Any]:
        if ResourceArn not in self.tags:
            raise refused("AccessDeniedException")
        return {"Tags": self.tags[ResourceArn]}

    def list_resource_tags(self, KeyId: str) -> dict[str, Any]:
        return {"Tags": self.tags[KeyId]}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    return Account(monkeypatch)


def test_what_an_account_has_of_another_region_is_not_ours(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing of roles, dashboards, budgets or buckets has those of all regions; the last were once without."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    boards = ("app-dev", "app-dev-eu-west-1", "app-dev-us-east-1", "app-dev2")
    account.listings["list_dashboards"] = [{"DashboardName": name} for name in boards]
    buckets = [f"app-dev-000000000000-{end}" for end in ("eu-west-1", "eu-west-1-logs", "us-east-1", "us-east-1-logs")]
    account.listings["list_buckets"] = [{"Name": name} for name in buckets]
    roles = ("app-dev-training", "app-dev-training-eu-west-1", "app-dev-training-us-east-1", "app-dev2-training")
    account.listings["list_roles"] = [{"RoleName": name} for name in roles]
    budgets = ("app-dev-monthly", "app-dev-monthly-eu-west-1", "app-dev-monthly-us-east-1")
    account.listings["describe_budgets"] = [{"BudgetName": name} for name in budgets]
    assert [str(each) for each in OF.find()] == [
        "bucket app-dev-000000000000-eu-west-1", "bucket app-dev-000000000000-eu-west-1-logs",
        "budget app-dev-monthly", "budget app-dev-monthly-eu-west-1",
        "dashboard app-dev", "dashboard app-dev-eu-west-1",
        "role app-dev-training", "role app-dev-training-eu-west-1",
    ]  # fmt: skip


def shut(**_: str) -> Any:
    raise refused("AccessDeniedException")


def test_who_may_not_see_budgets_finds_the_rest(account: Account) -> None:
    """ "IAM tutorial: Grant access to the billing console", IAM user guide: an IAM user may not, by default."""
    account.listings |= {"describe_budgets": shut, "list_dashboards": [{"DashboardName": "app-dev"}]}
    assert OF.find() == [DeployedResource("dashboard", "app-dev")]


def test_no_other_listing_may_be_shut(account: Account) -> None:
    account.listings["list_roles"] = shut
    with pytest.raises(ClientError, match="AccessDeniedException"):
        OF.find()


def test_no_budget_is_looked_for_in_a_region_without(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """ "AWS Billing and Cost Management endpoints and quotas", AWS general reference: Budgets has none in GovCloud."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-gov-west-1")

    def nowhere(**_: str) -> Any:
        raise EndpointConnectionError(endpoint_url="https://budgets.us-gov-west-1.amazonaws.com")

    account.listings["describe_budgets"] = nowhere
    assert OF.find() == []


def test_models_of_others_that_are_shut_to_us_are_passed_over(account: Account) -> None:
    account.listings |= {
        "list_models": [{"ModelName": name, "ModelArn": name} for name in ("shut", "ours", "another")],
        "list_endpoint_configs": [{"EndpointConfigName": "shut", "EndpointConfigArn": "shut"}],
    }
    account.tags = {"ours": [{"Key": "app", "Value": "app"}, {"Key": "stage", "Value": "dev"}], "another": []}
    assert OF.find() == [DeployedResource("model", "ours")]


def test_a_key_of_others_that_is_shut_to_us_is_passed_over(account: Account) -> None:
    account.listings["list_keys"] = [{"KeyId": "shut"}, {"KeyId": "ours"}, {"KeyId": "another"}]
    account.tags = {"ours": OURS, "another": []}
    assert OF.find() == [DeployedResource("key", "ours")]


def test_a_key_that_our_alias_names_is_not_passed_over(account: Account) -> None:
    account.listings["list_aliases"] = [{"AliasName": "alias/app-dev", "TargetKeyId": "ours"}]
    account.listings["list_keys"] = [{"KeyId": "ours"}]
    with pytest.raises(ClientError, match="AccessDeniedException"):
        OF.find()


def test_logs_of_jobs_and_of_the_notebook_are_found_in_the_accounts_own_groups(account: Account) -> None:
    def streams(logGroupName: str, logStreamNamePrefix: str) -> list[dict[str, str]]:
        assert logStreamNamePrefix == "app-dev-"  # not everybody's, of which there may be thousands
        group = logGroupName.rpartition("/")[2]
        names = {
            "TrainingJobs": "app-dev-1/algo-1",
            "ProcessingJobs": "app-dev-score-1/algo-1",
            "NotebookInstances": "app-dev-notebook/x",
        }
        return [{"logStreamName": names[group]}]

    account.listings["describe_log_streams"] = streams
    assert OF.find() == [
        DeployedResource("notebook log", "app-dev-notebook/x"),
        DeployedResource("scoring log", "app-dev-score-1/algo-1"),
        DeployedResource("training log", "app-dev-1/algo-1"),
    ]


def test_composite_alarms_are_asked_for_as_cloudwatch_lists_metric_alarms_alone(account: Account) -> None:
    """ "If you omit this parameter, only metric alarms are returned": DescribeAlarms, CloudWatch API reference."""

    def alarms(AlarmNamePrefix: str, AlarmTypes: tuple[str, ...] = ("MetricAlarm",)) -> list[dict[str, str]]:
        names = {"MetricAlarm": "app-dev-endpoint-up", "CompositeAlarm": "app-dev-endpoint-unused"}
        return [{"AlarmName": names[type_]} for type_ in AlarmTypes if names[type_].startswith(AlarmNamePrefix)]

    account.listings["describe_alarms"] = alarms
    assert OF.find() == [
        DeployedResource("alarm", "app-dev-endpoint-up"),
        DeployedResource("composite alarm", "app-dev-endpoint-unused"),
    ]


def test_jobs_that_bill_are_found_and_no_others(account: Account) -> None:
    for kind, name in (("training", "Training"), ("processing", "Processing")):
        account.listings[f"list_{kind}_jobs"] = [
            {f"{name}JobName": job, f"{name}JobStatus": status}
            for job, status in (("app-dev-1", "InProgress"), ("app-dev-2", "Completed"), ("my-app-dev-1", "InProgress"))
        ]
    assert OF.find() == [DeployedResource("scoring job", "app-dev-1"), DeployedResource("training job", "app-dev-1")]


def test_an_account_in_which_nobody_trained_has_no_logs(account: Account) -> None:
    def streams(**_: str) -> list[dict[str, str]]:
        raise refused("ResourceNotFoundException")

    account.listings["describe_log_streams"] = streams
    assert OF.find() == []


def test_what_an_ec2_training_could_leave_is_found(account: Account) -> None:
    """Subnet, routes, group and endpoint go with the network or hold it up: the network stands for them."""
    account.listings |= {
        "list_instance_profiles": [{"InstanceProfileName": "app-dev-ec2-training"}, {"InstanceProfileName": "other"}],
        "describe_instances": [{"Instances": [{"InstanceId": "i", "State": {"Name": "running"}}]}],
        "describe_volumes": [{"VolumeId": "vol"}],
        "describe_vpcs": [{"VpcId": "vpc"}],
        "describe_internet_gateways": [{"InternetGatewayId": "igw"}],
    }
    assert OF.find() == [
        DeployedResource("instance", "i"),
        DeployedResource("instance profile", "app-dev-ec2-training"),
        DeployedResource("internet gateway", "igw"),
        DeployedResource("network", "vpc"),
        DeployedResource("volume", "vol"),
    ]


def test_an_api_is_ours_by_its_tags_as_its_id_is_awss_and_its_name_anybodys(account: Account) -> None:
    account.listings["get_apis"] = [
        {"ApiId": "a1", "Name": "app-dev-api", "Tags": {"app": "app", "stage": "dev"}},
        {"ApiId": "b2", "Name": "app-dev-api", "Tags": {"app": "app", "stage": "prod"}},
        {"ApiId": "c3", "Name": "app-dev-api"},
    ]
    assert OF.find() == [DeployedResource("HTTP API", "a1")]

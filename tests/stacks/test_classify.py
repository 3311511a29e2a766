"""The function that callers use: warm where they call it, bounded, and knowing only what it needs."""

from aws_cdk.assertions import Match, Template

from tests.stacks.resources import only, text


def test_callers_use_a_warm_alias(templates: dict[str, Template]) -> None:
    templates["classify"].has_resource_properties(
        "AWS::Lambda::Alias",
        {"Name": "live", "ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 1}},
    )
    version = only(templates["classify"], "AWS::Lambda::Version")
    assert "ProvisionedConcurrencyConfig" not in version


def test_only_identities_that_iam_allows_may_call_it(templates: dict[str, Template]) -> None:
    for kind in ("AWS::Lambda::Permission", "AWS::Lambda::Url"):
        templates["classify"].resource_count_is(kind, 0)


def test_concurrency_is_reserved(templates: dict[str, Template]) -> None:
    templates["classify"].has_resource_properties("AWS::Lambda::Function", {"ReservedConcurrentExecutions": 10})


def test_zero_means_no_concurrency_is_kept_or_reserved(gpu_fleet: dict[str, Template]) -> None:
    assert "ReservedConcurrentExecutions" not in only(gpu_fleet["classify"], "AWS::Lambda::Function")
    assert "ProvisionedConcurrencyConfig" not in only(gpu_fleet["classify"], "AWS::Lambda::Alias")


def test_the_function_knows_its_endpoint_and_its_limits(templates: dict[str, Template]) -> None:
    function = only(templates["classify"], "AWS::Lambda::Function")
    endpoint = only(templates["serving"], "AWS::SageMaker::Endpoint")["EndpointName"]
    assert function["Environment"]["Variables"] == {
        "ENDPOINT_NAME": endpoint,
        "ENDPOINT_TIMEOUT_SECONDS": "14",
        "MAX_IMAGE_BYTES": str(4 * 2**20),
    }


def test_two_tries_at_the_endpoint_fit_into_the_functions_time(templates: dict[str, Template]) -> None:
    function = only(templates["classify"], "AWS::Lambda::Function")
    assert 2 * int(function["Environment"]["Variables"]["ENDPOINT_TIMEOUT_SECONDS"]) < function["Timeout"]


def test_logs_are_json(templates: dict[str, Template]) -> None:
    templates["classify"].has_resource_properties(
        "AWS::Lambda::Function", {"LoggingConfig": Match.object_like({"LogFormat": "JSON"})}
    )


def test_the_outputs_say_what_to_call(templates: dict[str, Template]) -> None:
    outputs = {name: text(output["Value"]) for name, output in templates["classify"].to_json()["Outputs"].items()}
    assert outputs == {"FunctionName": "slipway-dev-classify", "AliasName": "live"}

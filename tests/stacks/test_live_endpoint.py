"""The serving stack fails, before CloudFormation cleans up, if the endpoint does not run what it was given."""

from aws_cdk.assertions import Template

from tests.stacks.resources import only, text


def test_the_check_comes_after_the_endpoint_and_names_its_configuration(templates: dict[str, Template]) -> None:
    [check] = templates["serving"].find_resources("Custom::LiveEndpoint").values()
    endpoints, configs = (
        templates["serving"].find_resources(f"AWS::SageMaker::{kind}") for kind in ("Endpoint", "EndpointConfig")
    )
    assert set(endpoints) <= set(check["DependsOn"])
    assert check["Properties"]["EndpointConfigName"] == {"Fn::GetAtt": [*configs, "EndpointConfigName"]}
    assert check["Properties"]["EndpointName"] == only(templates["serving"], "AWS::SageMaker::Endpoint")["EndpointName"]


def test_the_function_of_the_trained_model_answers_it(templates: dict[str, Template]) -> None:
    [check] = templates["serving"].find_resources("Custom::LiveEndpoint").values()
    function = only(templates["trained-model"], "AWS::Lambda::Function")
    assert text(check["Properties"]["ServiceToken"]).endswith(f":function:{function['FunctionName']}")

"""Accounts of AWS's registries are those of AWS's own SDK."""

import json
from importlib.resources import files

from aws.registries import REGISTRY_ACCOUNTS


def test_every_region_of_the_sdk_has_the_account_that_the_sdk_names() -> None:
    config = json.loads((files("sagemaker.core.image_uri_config") / "pytorch.json").read_text())
    versions = config["training"]["versions"]
    newest = versions[max(versions, key=lambda version: tuple(map(int, version.split("."))))]
    assert newest["registries"] == REGISTRY_ACCOUNTS

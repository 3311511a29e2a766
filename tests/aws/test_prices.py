"""Each region's prices have a source and a date, and are prices of the region alone."""

from collections.abc import Mapping
from typing import Any

import pytest

from aws.prices import DEFAULT_REGION, UnknownPrice, _tables, instance_hour, price, table

REGIONS = list(_tables())
each_region = pytest.mark.parametrize("region", REGIONS)


def test_there_are_several_regions_on_two_continents() -> None:
    assert {DEFAULT_REGION, "us-west-2", "eu-central-1", "eu-west-1", "ap-northeast-1"} <= set(REGIONS)


def prices_in(section: Mapping[str, Any]) -> dict[str, float]:
    about = {"source", "date", "checked", "instance_hour"}
    return {name: value for name, value in section.items() if name not in about} | section.get("instance_hour", {})


@each_region
def test_each_service_has_source_date_and_numbers(region: str) -> None:
    for service, section in table(region).items():
        assert section["source"] and section["date"], service
        assert all(isinstance(value, float) and value > 0 for value in prices_in(section).values()), service


@each_region
def test_each_region_has_the_services_and_no_other_units_than_the_first(region: str) -> None:
    assert table(region).keys() == table().keys()
    for service, section in table(region).items():
        assert prices_in(section).keys() <= prices_in(table()[service]).keys()


@each_region
def test_each_region_has_the_rates_of_a_function_that_is_kept_warm(region: str) -> None:
    kept, run = (price("lambda", name, region) for name in ("provisioned_gb_second", "provisioned_run_gb_second"))
    assert kept < run < price("lambda", "gb_second", region)


def test_what_is_missing_is_named_with_place_and_source() -> None:
    with pytest.raises(
        UnknownPrice, match=r"no price of cloudwatch fast_alarm_month .* under us-west-2.cloudwatch, from "
    ):
        price("cloudwatch", "fast_alarm_month", "us-west-2")
    with pytest.raises(UnknownPrice, match=r"an hour of ml.m5.xlarge .* under eu-central-1.sagemaker.instance_hour, "):
        instance_hour("ml.m5.xlarge", "eu-central-1")

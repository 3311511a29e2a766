"""The function in front of the endpoint."""

from pydantic import Field, ValidationInfo, field_validator

from settings.part import Part, at_least

_HOST = r"[a-z0-9-]+(\.[a-z0-9-]+)+"


class Function(Part, frozen=True):
    lambda_memory_mb: int = Field(ge=128, le=10240, description="memory of the classify function, MB")
    lambda_provisioned_concurrency: int = Field(ge=0, le=1000, description="instances kept warm; 0 keeps none")
    lambda_max_provisioned_concurrency: int = Field(ge=1, le=1000, description="most instances kept warm under load")
    lambda_target_utilization: float = Field(ge=0.1, le=0.9, description="share of the warm instances to keep busy")
    lambda_reserved_concurrency: int = Field(ge=0, le=1000, description="most calls at a time; 0 reserves nothing")
    lambda_timeout: int = Field(ge=6, le=120, description="seconds a call may take, its one retry included")
    # base64 makes 4 bytes of 3, and a synchronous Lambda request ends at 6 MB.
    max_image_mb: int = Field(ge=1, le=4, description="largest image accepted, MiB")
    url_hosts: str = Field(
        pattern=rf"^(\*|(\*\.)?{_HOST}(\|(\*\.)?{_HOST})*)?$",
        description="hosts whose images are fetched by URL: `*` is every public one; empty: none",
        json_schema_extra={"allowed": "host names in small letters, as img.example.com|*.example.org, or * or empty"},
    )
    s3_images: str = Field(
        pattern=r"^([a-z0-9][a-z0-9-]*/)*$",
        description="folder of the bucket whose images are classified by S3 address; empty: none",
        json_schema_extra={"allowed": "a folder of small letters, digits and hyphens that ends in /, or empty"},
    )

    _max_warm_above_min = field_validator("lambda_max_provisioned_concurrency")(
        at_least("lambda_provisioned_concurrency")
    )

    @field_validator("lambda_reserved_concurrency")
    @classmethod
    def _provisioned_within_reserved(cls, value: int, info: ValidationInfo) -> int:
        if value and info.data.get("lambda_provisioned_concurrency"):
            return at_least("lambda_max_provisioned_concurrency")(value, info)
        return value

"""The HTTP API in front of the function."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from settings.function import Function

# "Quotas for configuring and running an HTTP API", API Gateway developer guide: 30 s, which cannot be increased.
INTEGRATION_SECONDS = 30
_HOST = r"[a-z0-9-]+(\.[a-z0-9-]+)*"
_ORIGIN = rf"(https://{_HOST}|http://(localhost|127\.0\.0\.1))(:[0-9]{{1,5}})?"
_AUDIENCE = r"[^\s|]+"


class HttpFrontSettings(Function, frozen=True):
    """Settings of the API, read after those of the function, with which they are compared."""

    api: Literal["none", "iam", "jwt"] = Field(
        description="HTTP API that calls the function: for requests that IAM signs, or with tokens of an OpenID issuer"
    )
    api_jwt_issuer: str = Field(
        pattern=rf"^(https://{_HOST}(:[0-9]{{1,5}})?(/[A-Za-z0-9_.~-]+)*/?)?$",
        description="issuer whose tokens a `jwt` API takes, exactly as in their claim `iss`",
        json_schema_extra={"allowed": "an https:// URL without query, as https://login.example.com/, or empty"},
    )
    api_jwt_audience: str = Field(
        pattern=rf"^({_AUDIENCE}(\|{_AUDIENCE}){{0,49}})?$",
        description="audiences (`aud`, else `client_id`) of which a `jwt` API's token needs one",
        json_schema_extra={"allowed": "up to 50 audiences without spaces, as web|mobile, or empty"},
    )
    api_cors_origins: str = Field(
        pattern=rf"^({_ORIGIN}(\|{_ORIGIN})*)?$",
        description="web pages' origins from which browsers may call the API; empty: none",
        json_schema_extra={
            "allowed": "https:// origins without a path, as https://app.example.com|http://localhost:3000, or empty"
        },
    )
    api_rate: int = Field(
        ge=1,
        le=10_000,
        description="requests a second that the API lets through in the long run; the account's own limit is 10,000, "
        "in some regions 2,500",
    )
    api_burst: int = Field(
        ge=1,
        le=5_000,
        description="requests that the API lets through at once above that rate; the account's own limit is 5,000, in "
        "some regions 1,250",
    )

    @field_validator("api")
    @classmethod
    def _answers_in_time(cls, value: str, info: ValidationInfo) -> str:
        if value != "none" and info.data.get("lambda_timeout", 0) > INTEGRATION_SECONDS:
            raise ValueError(
                f"API Gateway waits {INTEGRATION_SECONDS} s for an answer: lambda_timeout has to be "
                f"{INTEGRATION_SECONDS} or less"
            )
        return value

    @field_validator("api_jwt_issuer", "api_jwt_audience")
    @classmethod
    def _given_for_tokens(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("api") == "jwt":
            raise ValueError("api=jwt needs it, or any token would do")
        return value

"""Settings that a company's account asks for: where its roles lie, and which key it has already."""

from pydantic import Field

from settings.part import Part


class AccountSettings(Part, frozen=True):
    # "CreateRole", IAM API reference, has the characters; a role's name and path are in ARNs that policies name.
    role_path: str = Field(
        pattern=r"^/([A-Za-z0-9_+=,.@-]+/)*$",
        max_length=512,
        description="path of every role and instance profile, for accounts that let one create roles below it only",
        json_schema_extra={"allowed": "a path such as /teams/vision/, or / for none"},
    )
    existing_key_arn: str = Field(
        pattern=r"^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[0-9a-z-]+)?$",
        description="key of the account that encrypts everything; empty: the deploy makes one",
        json_schema_extra={"allowed": "the ARN of a symmetric KMS key of this account and region, or empty"},
    )

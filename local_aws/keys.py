"""Resolves names of KMS keys to key ARNs."""

from ministack.core.responses import get_account_id, get_region
from ministack.services import kms


def key_arn(name: str) -> str:
    """ARN of the key that a key id, key ARN, alias or alias ARN names: IAM authorises on the key ARN only.

    For a key that does not exist it is the ARN that the key would have, so that a denial does not reveal whether the
    key exists.
    """
    if known := kms._resolve_key(name):
        return str(known["Arn"])
    kind = "" if name.startswith("alias/") else "key/"
    return name if name.startswith("arn:") else f"arn:aws:kms:{get_region()}:{get_account_id()}:{kind}{name}"

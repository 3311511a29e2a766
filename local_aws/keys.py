"""KMS keys by any of their names."""

from ministack.core.responses import get_account_id, get_region
from ministack.services import kms


def key_arn(name: str) -> str:
    """The ARN of the key that a key id, key ARN, alias or alias ARN names: IAM authorises on that alone.

    A key that does not exist has the ARN it would have, so that a caller who may not use it learns nothing.
    """
    if known := kms._resolve_key(name):
        return str(known["Arn"])
    kind = "" if name.startswith("alias/") else "key/"
    return name if name.startswith("arn:") else f"arn:aws:kms:{get_region()}:{get_account_id()}:{kind}{name}"

"""Initial IAM user with a random access key, instead of MiniStack's root keys.

MiniStack accepts `test` and any account number as root keys, without checking their signatures. Here there is no root,
and every key was issued.
"""

import json
import os

from ministack.core import iam_evaluator
from ministack.core.responses import get_region, now_iso, request_scope
from ministack.services import iam, sts

_NAME = "administrator"


def install(account: str) -> None:
    """Create the user with the access key from the environment, and disable root keys."""
    iam_evaluator.is_root_access_key = sts.is_root_access_key = lambda access_key_id: False
    key = os.environ["AWS_ACCESS_KEY_ID"]
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    with request_scope(account, get_region()):
        iam._users[_NAME] = {
            "UserName": _NAME,
            "Arn": f"arn:aws:iam::{account}:user/{_NAME}",
            "UserId": "AIDA" + key[4:],
            "CreateDate": now_iso(),
            "Path": "/",
            "PermissionsBoundary": "",
            "AttachedPolicies": [],
            "Tags": [],
        }
        iam._user_inline_policies[_NAME] = {"everything": json.dumps(everything)}
        iam._access_keys[key] = {
            "UserName": _NAME,
            "AccessKeyId": key,
            "SecretAccessKey": os.environ["AWS_SECRET_ACCESS_KEY"],
            "Status": "Active",
            "CreateDate": now_iso(),
        }

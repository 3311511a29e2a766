"""Authorisation decisions: MiniStack's on requests, and ours on what a service does on a caller's behalf."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.iam_actions import identity_denial_message
from ministack.core.iam_evaluator import AuthError, EvalResult
from ministack.core.responses import get_region
from ministack.core.router import extract_access_key_id
from ministack.services import sts

from local_aws.calls import CONDITIONS, Call, Recorder
from local_aws.regions import regions
from local_aws.service import ApiError

caller: ContextVar[str] = ContextVar("caller")
"""Access key on whose behalf the server acts: the signer of the request, or the execution role of a stack."""

_USUAL_CASE = {key.lower(): key for key in CONDITIONS}


def install(recorder: Recorder) -> None:
    """Record every decision about a role, and keep each request's caller in `caller`."""
    _record_decisions(recorder)
    _know_the_caller()


def require(access_key: str, action: str, resource: str, conditions: Mapping[str, str] | None = None) -> None:
    """Require that the policies of the key's principal allow `action` on `resource`.

    Raises:
        ApiError: AccessDeniedException, or the reason why the key is invalid (expired, deactivated).
    """
    service = action.partition(":")[0]
    denied = iam_evaluator.enforce(
        access_key, action, service, get_region(), resource_arn=resource, service_context=dict(conditions or {})
    )
    if isinstance(denied, AuthError):
        raise ApiError(denied.code, denied.message, 403)
    if denied:
        raise ApiError("AccessDeniedException", denial(denied, action, resource))


def require_pass_role(access_key: str, role_arn: str, service: str) -> None:
    """Require that the caller may pass `role_arn` to `service`, which MiniStack does not check.

    Source: "Granting a user permissions to pass a role to an AWS service", IAM user guide.

    Raises:
        ApiError: the caller may not.
    """
    require(access_key, "iam:PassRole", role_arn, {"iam:PassedToService": service})


def denial(denied: EvalResult, action: str, resource: str) -> str:
    """AWS's message for a denial: principal, action, resource and reason."""
    return str(identity_denial_message(action, denied.principal_arn, resource, denied.decision == "Deny"))


def _record_decisions(recorder: Recorder) -> None:
    original = iam_evaluator.enforce

    def enforce(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> EvalResult | AuthError | None:
        if region not in regions():  # in the words of https://github.com/JuliaCloud/AWS.jl/issues/565
            words = f"Credential should be scoped to a valid region, not '{region}'."
            return AuthError("SignatureDoesNotMatch", words)
        result = original(access_key_id, iam_action, service, region, resource_arn, service_context)
        role = _role_of(access_key_id)
        # A failed authentication says nothing about the role's policies, nor does an action that needs no permission.
        decided = not isinstance(result, AuthError) and iam_action not in iam_evaluator._ALWAYS_ALLOWED_ACTIONS
        if role and decided:
            conditions = {
                _USUAL_CASE[k.lower()]: v for k, v in (service_context or {}).items() if k.lower() in _USUAL_CASE
            }
            recorder.record(Call(role, iam_action, resource_arn, result is None, conditions))
        return result

    iam_evaluator.enforce = enforce


def _role_of(access_key: str) -> str | None:
    """Name of the role to whose session the key belongs; None for a key of another kind."""
    arn = (sts._sessions.get(access_key) or {}).get("Arn", "")
    return arn.split("/")[1] if ":assumed-role/" in arn else None


def _know_the_caller() -> None:
    original = iam_evaluator.pin_request_caller

    def pin(headers: dict[str, str], query_params: dict[str, Any] | None = None) -> None:
        caller.set(extract_access_key_id(headers, query_params or {}))
        original(headers, query_params)

    iam_evaluator.pin_request_caller = pin

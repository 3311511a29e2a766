"""Provisioned and reserved concurrency of functions.

Provisioned are the environments of an alias that start before any call; reserved is the limit over all versions of a
function.

MiniStack only stores the number of provisioned environments. Here their processes are started, kept, and replaced when
the alias moves to another version. An environment that a failing call ended is started again by its next call, which
is then a cold start. Sources: "Configuring provisioned concurrency for a function" and "Types of metrics for Lambda
functions", Lambda developer guide.
"""

import contextvars
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, lambda_svc
from ministack.services.cloudformation import provisioners

from local_aws.functions.account_limit import refuse_provisioned
from local_aws.service import ApiError, require_success

_START_AT_A_TIME = 4
_WAIT_SECONDS = 120.0
ALIAS = "AWS::Lambda::Alias"

_changes = threading.Lock()
_put_original = lambda_svc._put_provisioned_concurrency
_delete_original = lambda_svc._delete_provisioned_concurrency
_update_alias_original = lambda_svc._update_alias
_reserved_original = lambda_svc._reserved_concurrency
_acquire_original = lambda_runtime.acquire_worker
_reap_original = lambda_runtime.reap_idle_workers


def install() -> None:
    """Start provisioned environments for the API and CloudFormation, and publish their metrics."""
    lambda_svc._put_provisioned_concurrency = _put
    lambda_svc._delete_provisioned_concurrency = _delete
    lambda_svc._update_alias = _update_alias
    lambda_svc._reserved_concurrency = _reserved
    for module in (lambda_runtime, lambda_svc):
        module.acquire_worker = _acquire
        module.reap_idle_workers = _reap
    handlers = provisioners._RESOURCE_HANDLERS[ALIAS]
    handlers |= {name: _until_ready(handlers[name]) for name in ("create", "update")}


def get_provisioned(function: str, alias: str) -> int:
    """Requested provisioned concurrency of an alias; 0 without any.

    Raises:
        ApiError: the alias does not exist.
    """
    record = lambda_svc._functions.get(function)
    if record is None or alias not in record["aliases"]:
        raise ApiError("ResourceNotFoundException", f"Alias not found: {function}:{alias}", 404)
    return int((_asked(function, alias) or {}).get("RequestedProvisionedConcurrentExecutions", 0))


def set_provisioned(function: str, alias: str, count: int) -> None:
    """Set the provisioned concurrency of an alias to `count`, at least 1; returns before the environments are ready.

    Raises:
        ApiError: the error response of PutProvisionedConcurrencyConfig.
    """
    require_success(_put(function, alias, {"ProvisionedConcurrentExecutions": count}))


def utilization(function: str, alias: str) -> float:
    """Share of the alias's provisioned environments that serve a call now, from 0 to 1."""
    _, config = lambda_svc._get_func_record_for_qualifier(function, alias)
    kept = [worker for worker in _pool(config) if _kept(worker)] if config else []
    return sum(worker.in_use for worker in kept) / len(kept) if kept else 0.0


# ---------------------------------------------------------------------- starting and ending environments


def _put(function: str, alias: str, data: dict[str, Any]) -> Any:
    refusal = refuse_provisioned(function, alias, data["ProvisionedConcurrentExecutions"])
    response = refusal or _put_original(function, alias, data)
    if response[0] < 400:
        asked = _asked(function, alias)
        assert asked is not None
        asked |= {"Status": "IN_PROGRESS", "AvailableProvisionedConcurrentExecutions": 0}
        response = (response[0], response[1], json.dumps(asked).encode())
        _in_background(_provide, function, alias, asked)
    return response


def _delete(function: str, alias: str) -> Any:
    response = _delete_original(function, alias)
    if response[0] < 400:
        _in_background(_release_unneeded, function)
    return response


def _update_alias(function: str, alias: str, data: dict[str, Any]) -> Any:
    """Start environments of the alias's new version; those of the old version are released when they are ready."""
    response = _update_alias_original(function, alias, data)
    asked = _asked(function, alias)
    if response[0] < 400 and asked and "FunctionVersion" in data:
        asked |= {"Status": "IN_PROGRESS", "AvailableProvisionedConcurrentExecutions": 0}
        _in_background(_provide, function, alias, asked)
    return response


def _asked(function: str, alias: str) -> dict[str, Any] | None:
    """Provisioned-concurrency record of an alias, as GetProvisionedConcurrencyConfig returns it; None without one."""
    found: dict[str, Any] | None = lambda_svc._functions[function].get("provisioned_concurrency", {}).get(alias)
    return found


def _provide(function: str, alias: str, asked: dict[str, Any]) -> None:
    """Start missing environments, mark the requested number as provisioned, and release the others."""
    with _changes:
        record, config = lambda_svc._get_func_record_for_qualifier(function, alias)
        if record is None or config is None or asked is not _asked(function, alias):
            return
        count = asked["RequestedProvisionedConcurrentExecutions"]
        try:
            _start(record, config, count - sum(map(_kept, _pool(config))))
        except Exception as error:  # importing the function's module can raise anything
            asked |= {"Status": "FAILED", "StatusReason": f"FUNCTION_ERROR_INIT_FAILURE: {error}"}
            return
        _release_unneeded(function)
        asked |= {
            "Status": "READY",
            "AvailableProvisionedConcurrentExecutions": count,
            "AllocatedProvisionedConcurrentExecutions": count,
        }


def _start(record: dict[str, Any], config: dict[str, Any], lacking: int) -> None:
    name = config["FunctionName"]
    fresh = [lambda_runtime._worker_class_for(config)(name, config, record["code_zip"]) for _ in range(lacking)]
    with ThreadPoolExecutor(_START_AT_A_TIME) as threads:
        started = [
            threads.submit(contextvars.copy_context().run, lambda_runtime.ensure_spawned, worker) for worker in fresh
        ]
        for future in started:
            future.result()
    with lambda_runtime._lock:
        for worker in fresh:
            worker.kept = True
        lambda_runtime._workers.setdefault(_key(config), [])[:0] = fresh  # MiniStack takes the first free one


def _release_unneeded(function: str) -> None:
    """Release environments beyond what the aliases request; MiniStack ends them after an idle time."""
    record = lambda_svc._functions.get(function)
    if record is None:
        return
    wanted: dict[str, int] = {}
    for alias, asked in record.get("provisioned_concurrency", {}).items():
        _, config = lambda_svc._get_func_record_for_qualifier(function, alias)
        if config:
            wanted[_key(config)] = wanted.get(_key(config), 0) + asked["RequestedProvisionedConcurrentExecutions"]
    mine = f"{get_account_id()}:{get_region()}:{function}:"
    with lambda_runtime._lock:
        for key, pool in lambda_runtime._workers.items():
            if key.startswith(mine):
                for worker in [worker for worker in pool if _kept(worker)][wanted.get(key, 0) :]:
                    worker.kept = False


def _key(config: dict[str, Any]) -> str:
    version = config.get("Version", "$LATEST")
    return str(lambda_runtime._worker_key(config["FunctionName"], config, version))


def _pool(config: dict[str, Any]) -> list[Any]:
    with lambda_runtime._lock:
        return list(lambda_runtime._workers.get(_key(config), []))


def _kept(worker: Any) -> bool:
    return getattr(worker, "kept", False)


def _in_background(action: Callable[..., None], *arguments: Any) -> None:
    """Run `action` in a thread with the caller's account and region, which MiniStack keeps in context variables."""
    run = partial(contextvars.copy_context().run, action, *arguments)
    threading.Thread(target=run, daemon=True, name="provisioned-concurrency").start()


# ---------------------------------------------------------------------- calls


def _reserved(function: dict[str, Any], config: dict[str, Any]) -> int | None:
    """Reserved concurrency of the whole function: MiniStack's versions keep the value of when they were published."""
    whole = lambda_svc._functions.get(config["FunctionName"]) or function
    found: int | None = _reserved_original(whole, config)
    return found


def _acquire(function: str, config: dict[str, Any], *rest: Any, **named: Any) -> Any:
    """Assign an environment to a call, and count whether it is a provisioned one that is ready, or spillover."""
    worker, how = _acquire_original(function, config, *rest, **named)
    _, in_flight = lambda_svc.executions_in_flight()
    _record("ConcurrentExecutions", in_flight.get(lambda_svc._inflight_key(config), 0), FunctionName=function)
    if worker is not None and any(map(_kept, _pool(config))):
        ready = _kept(worker) and worker._proc is not None and worker._proc.poll() is None
        name = f"ProvisionedConcurrency{'' if ready else 'Spillover'}Invocations"
        _record(name, 1, FunctionName=function)
    return worker, how


def _record(metric: str, value: float, **dimensions: str) -> None:
    cloudwatch.record_metric("AWS/Lambda", metric, value, "Count", dimensions)


def _reap(*arguments: Any) -> int:
    """End idle environments, except provisioned ones."""
    with lambda_runtime._lock:
        for pool in lambda_runtime._workers.values():
            for worker in filter(_kept, pool):
                worker.last_used = time.time()
    ended: int = _reap_original(*arguments)
    return ended


# ---------------------------------------------------------------------- CloudFormation


def _until_ready(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Make creation of an alias wait for its environments, as CloudFormation does on AWS."""

    @wraps(handler)
    def handle(*arguments: Any, **named: Any) -> Any:
        made = handler(*arguments, **named)
        function, alias = made[0].split(":")[-2:]
        deadline = time.monotonic() + _WAIT_SECONDS
        while (asked := _asked(function, alias)) and asked["Status"] == "IN_PROGRESS":
            if time.monotonic() > deadline:
                raise ValueError(f"provisioned concurrency of {function}:{alias} is not ready after {_WAIT_SECONDS} s")
            time.sleep(0.02)
        if asked and asked["Status"] == "FAILED":
            raise ValueError(f"provisioned concurrency of {function}:{alias}: {asked['StatusReason']}")
        return made

    return handle

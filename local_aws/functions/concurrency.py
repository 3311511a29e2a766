"""Provisioned concurrency: environments of an alias's version that are started before anybody calls; and reserved
concurrency, the limit over all versions.

MiniStack keeps the number; here the processes are there too, stay, and follow the alias to its next version. One that
a failing call ended starts again with the call that it gets next, which meets a cold start.
Sources: "Configuring provisioned concurrency for a function" and "Types of metrics for Lambda functions", Lambda
developer guide.
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

from local_aws.service import ApiError

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
    """Make provisioned concurrency real, in the API and in CloudFormation, and count what it serves."""
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
    """How many environments the alias is to keep; 0 where none are asked for.

    Raises:
        ApiError: when there is no such alias.
    """
    record = lambda_svc._functions.get(function)
    if record is None or alias not in record["aliases"]:
        raise ApiError("ResourceNotFoundException", f"Alias not found: {function}:{alias}", 404)
    return int((_asked(function, alias) or {}).get("RequestedProvisionedConcurrentExecutions", 0))


def set_provisioned(function: str, alias: str, count: int) -> None:
    """Begin to keep `count` environments, 1 or more; returns at once.

    Raises:
        ApiError: what Lambda answers to PutProvisionedConcurrencyConfig.
    """
    status, _, body = _put(function, alias, {"ProvisionedConcurrentExecutions": count})
    if status >= 400:
        raise ApiError("ResourceNotFoundException", json.loads(body).get("message", ""), status)


def utilization(function: str, alias: str) -> float:
    """Share of the alias's kept environments that serve a call now, from 0 to 1."""
    _, config = lambda_svc._get_func_record_for_qualifier(function, alias)
    kept = [worker for worker in _pool(config) if _kept(worker)] if config else []
    return sum(worker.in_use for worker in kept) / len(kept) if kept else 0.0


# ---------------------------------------------------------------------- starting and ending environments


def _put(function: str, alias: str, data: dict[str, Any]) -> Any:
    response = _put_original(function, alias, data)
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
    """The environments of the new version are started; those of the old one go when it is."""
    response = _update_alias_original(function, alias, data)
    asked = _asked(function, alias)
    if response[0] < 400 and asked and "FunctionVersion" in data:
        asked |= {"Status": "IN_PROGRESS", "AvailableProvisionedConcurrentExecutions": 0}
        _in_background(_provide, function, alias, asked)
    return response


def _asked(function: str, alias: str) -> dict[str, Any] | None:
    """What GetProvisionedConcurrencyConfig shows."""
    found: dict[str, Any] | None = lambda_svc._functions[function].get("provisioned_concurrency", {}).get(alias)
    return found


def _provide(function: str, alias: str, asked: dict[str, Any]) -> None:
    """Start what lacks, mark as many as are asked for as kept, and let go of the rest."""
    with _changes:
        record, config = lambda_svc._get_func_record_for_qualifier(function, alias)
        if record is None or config is None or asked is not _asked(function, alias):
            return
        count = asked["RequestedProvisionedConcurrentExecutions"]
        try:
            _start(record, config, count - sum(map(_kept, _pool(config))))
        except Exception as error:  # whatever keeps the function's module from being imported
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
        lambda_runtime._workers.setdefault(_key(config), [])[:0] = fresh  # the first free one gets the next call


def _release_unneeded(function: str) -> None:
    """More than the aliases of a version ask for: MiniStack ends them when they have been idle for long."""
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
    """In the caller's account and region, which MiniStack has in context variables."""
    run = partial(contextvars.copy_context().run, action, *arguments)
    threading.Thread(target=run, daemon=True, name="provisioned-concurrency").start()


# ---------------------------------------------------------------------- calls


def _reserved(function: dict[str, Any], config: dict[str, Any]) -> int | None:
    """The function's own number, for its versions too: MiniStack's versions keep that of their publishing."""
    whole = lambda_svc._functions.get(config["FunctionName"]) or function
    found: int | None = _reserved_original(whole, config)
    return found


def _acquire(function: str, config: dict[str, Any], *rest: Any, **named: Any) -> Any:
    """Give a call an environment, and count whether it was one that was kept, and ready."""
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
    """End environments that nobody called for long, except those that are kept for the next call."""
    with lambda_runtime._lock:
        for pool in lambda_runtime._workers.values():
            for worker in filter(_kept, pool):
                worker.last_used = time.time()
    ended: int = _reap_original(*arguments)
    return ended


# ---------------------------------------------------------------------- CloudFormation


def _until_ready(handler: Callable[..., Any]) -> Callable[..., Any]:
    """An alias is there when its environments are, as on AWS."""

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

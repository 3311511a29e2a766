"""ECR where MiniStack does otherwise: it lets anybody push and pull, and knows no ImageNotFoundException.

Docker logs in with a password. It stands for the caller of GetAuthorizationToken, and each request of the registry's
protocol for an action of ECR: "Private registry authentication", Amazon ECR user guide, and "Actions, resources, and
condition keys for Amazon Elastic Container Registry".
"""

import base64
import binascii
import json
import os
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region, set_request_region
from ministack.services import ecr

from aws.containers import training_container
from aws.instances import Instance
from aws.registries import REGISTRY_ACCOUNTS
from local_aws.constraints import WrongType, violations
from local_aws.iam.authorization import caller, require
from local_aws.service import ApiError, Response, answer, parsed, service_model

_HOURS = 12
_ADDRESS_SECONDS = 3600
_PARAMETER = "secret"  # in an address from GetDownloadUrlForLayer
_ACTIONS = {
    ("POST", "blob_uploads"): "InitiateLayerUpload",
    ("PATCH", "blob_upload_session"): "UploadLayerPart",
    ("PUT", "blob_upload_session"): "CompleteLayerUpload",
    ("HEAD", "blob"): "BatchCheckLayerAvailability",
    ("GET", "blob"): "GetDownloadUrlForLayer",
    ("HEAD", "manifest"): "BatchGetImage",
    ("GET", "manifest"): "BatchGetImage",
    ("PUT", "manifest"): "PutImage",
}

# Tags of AWS's images, which everybody may read, by repository.
_AWS_IMAGES = {
    "pytorch": {training_container("", Instance.parse(type_)).tag for type_ in ("ml.m5.large", "ml.g5.xlarge")}
}

# By password: access key, region and expiry. By secret: path, region and expiry.
_callers: dict[str, tuple[str, str, float]] = {}
_addresses: dict[str, tuple[str, str, float]] = {}


def install() -> None:
    """Give out passwords, and ask for one in each request of the registry protocol."""
    original = ecr.handle_registry_request

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
        try:
            _authorise(method, path, headers, query)
        except ApiError as error:
            content = json.dumps({"errors": [{"code": "DENIED", "message": str(error), "detail": {}}]})
            return error.status, {"Content-Type": "application/json"}, content.encode()
        done: Response = await original(method, path, headers, body, query)
        return done

    ecr.handle_registry_request = handle
    ecr._get_authorization_token = _token
    ecr._get_download_url_for_layer = _download_url
    ecr._describe_images = _describe_images(ecr._describe_images)
    ecr.handle_request = _held_to_the_model(ecr.handle_request)


def _held_to_the_model(original: Any) -> Any:
    """Refuse names and other parameters that ECR's model does not allow, in its words.

    https://github.com/jenkins-x/jx/issues/1344 (pattern), https://github.com/aws/aws-dotnet-deploy/issues/549 (length).
    """

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
        name = headers.get("x-amz-target", "").rpartition(".")[2]
        model = service_model("ecr")
        try:
            if name in model.operation_names:
                _require_allowed(parsed(body), model.operation_model(name).input_shape)
        except ApiError as error:
            return answer({"__type": error.code, "message": str(error)}, error.status, error.code)
        done: Response = await original(method, path, headers, body, query)
        return done

    return handle


def _require_allowed(request: dict[str, Any], shape: Any) -> None:
    try:
        for broken in violations(request, shape):
            constraint = re.sub(r"(?s)pattern: (.*)", r"'\1'", broken.constraint)
            words = f"Invalid parameter at '{broken.path}' failed to satisfy constraint: 'must {constraint}'"
            raise ApiError("InvalidParameterException", words)
    except WrongType as error:
        raise ApiError("SerializationException", str(error)) from error


def _describe_images(original: Callable[[dict[str, Any]], Response]) -> Callable[[dict[str, Any]], Response]:
    """DescribeImages, Amazon ECR API reference: an image that is asked for and is not there is an error.

    Of AWS's registry, the images are known that this project's jobs name.
    """

    def describe(request: dict[str, Any]) -> Response:
        name, asked = request.get("repositoryName", ""), request.get("imageIds", [])
        registry = request.get("registryId")
        if registry == REGISTRY_ACCOUNTS.get(get_region(), "") and name in _AWS_IMAGES:
            gone = [each for each in asked if each.get("imageTag") not in _AWS_IMAGES[name]]
            if not gone:
                return answer({"imageDetails": [{"repositoryName": name, "registryId": registry} for _ in asked]})
        else:
            gone = [each for each in asked if ecr._find_image(name, each) is None]
            if not gone or name not in ecr._repositories:
                return original(request)
        message = f"The image with imageId {gone[0]} does not exist within the repository with name '{name}'"
        return answer({"__type": "ImageNotFoundException", "message": message}, 400, "ImageNotFoundException")

    return describe


def _token(_: dict[str, Any]) -> Response:
    """GetAuthorizationToken: a new password for its caller."""
    password = secrets.token_urlsafe(32)
    _callers[password] = caller.get(), get_region(), time.time() + 3600 * _HOURS
    data = {
        "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
        "expiresAt": _callers[password][2],
        "proxyEndpoint": f"https://{get_account_id()}.dkr.ecr.{get_region()}.amazonaws.com",
    }
    return answer({"authorizationData": [data]})


def _download_url(request: dict[str, Any]) -> Response:
    """GetDownloadUrlForLayer: an address that can be read without a signature, as its caller may."""
    layer, name = request.get("layerDigest", ""), request.get("repositoryName", "")
    if layer not in ecr._layer_blobs.get(name, {}):
        message = f"no layer {layer} in the repository with name '{name}'"
        return answer({"__type": "LayersNotFoundException", "message": message}, 400, "LayersNotFoundException")
    path, secret = f"/v2/{name}/blobs/{layer}", secrets.token_urlsafe(32)
    _addresses[secret] = path, get_region(), time.time() + _ADDRESS_SECONDS
    url = f"https://127.0.0.1:{os.environ['GATEWAY_PORT']}{path}?{_PARAMETER}={secret}"
    return answer({"downloadUrl": url, "layerDigest": layer})


def _authorise(method: str, path: str, headers: dict[str, str], query: dict[str, Any]) -> None:
    """Raises ApiError if the request has neither an address's secret nor a password whose owner may do it."""
    secret = query.get(_PARAMETER, [""])
    allowed, region, until = _addresses.get(secret[0] if isinstance(secret, list) else secret, ("", "", 0.0))
    if (method, path) == ("GET", allowed) and time.time() < until:
        set_request_region(region)
        return
    _, _, encoded = headers.get("authorization", "").partition("Basic ")
    try:
        password = base64.b64decode(encoded, validate=True).decode().removeprefix("AWS:")
    except (binascii.Error, UnicodeDecodeError):
        password = ""
    access_key, region, until = _callers.get(password, ("", "", 0.0))
    if until < time.time():
        raise ApiError("Unauthorized", "no valid authorization token: log in again", 401)
    set_request_region(region)  # a registry is one region's, and here all have one address
    verb, repository, _ = ecr._parse_v2_path(path) or ("", "", "")
    if verb == "ping":
        return
    action = _ACTIONS.get((method, verb))
    if action is None:
        raise ApiError("Unsupported", f"ECR's registry does not serve {method} {path}", 405)
    require(access_key, f"ecr:{action}", f"arn:aws:ecr:{get_region()}:{get_account_id()}:repository/{repository}")

"""Client of ECR's registry: pushes and pulls images over HTTP, as Docker does.

Source: "Docker Registry HTTP API V2", and "Private registry authentication", Amazon ECR user guide.
"""

import base64
import json
import re
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from aws.containers import MANIFEST_TYPE
from local_aws.images.image import ContainerImage, digest

_ADDRESS = re.compile(r"(?P<registry>[^/]+)/(?P<repository>[^:@]+)(:(?P<tag>[^@]+)|@(?P<digest>sha256:[0-9a-f]{64}))")
_SECONDS = 60


class RegistryError(Exception):
    """The registry refused, or has no such image; the message says why."""


@dataclass(frozen=True)
class Address:
    """`registry/repository:tag`, or `registry/repository@sha256:…`; `reference` is the tag or the digest."""

    registry: str
    repository: str
    reference: str

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Raises RegistryError if `text` is no address of an image."""
        found = _ADDRESS.fullmatch(text)
        if not found:
            raise RegistryError(f"{text} is not REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST")
        return cls(found["registry"], found["repository"], found["tag"] or found["digest"])


@dataclass(frozen=True)
class RegistryClient:
    """Registry at `url`; `password` comes from GetAuthorizationToken, and says who calls."""

    url: str
    password: str
    certificate: str

    @classmethod
    def logged_in(cls, ecr: Any, url: str, certificate: str) -> "RegistryClient":
        """Client with the password that `ecr`, a boto3 client, gets for its caller."""
        [data] = ecr.get_authorization_token()["authorizationData"]
        password = base64.b64decode(data["authorizationToken"]).decode().removeprefix("AWS:")
        return cls(url, password, certificate)

    def push(self, image: ContainerImage, address: Address) -> None:
        """Upload an image under its tag.

        Raises:
            RegistryError: the caller may not, or the repository does not exist.
        """
        for content in (image.config, image.layer):
            place = self._call("POST", f"{address.repository}/blobs/uploads/")[1]
            self._call("PUT", f"{place.removeprefix('/v2/')}?digest={digest(content)}", content)
        self._call("PUT", f"{address.repository}/manifests/{address.reference}", image.manifest, MANIFEST_TYPE)

    def pull(self, address: Address) -> ContainerImage:
        """Download an image.

        Raises:
            RegistryError: the caller may not, or there is no such image.
        """
        manifest = json.loads(self._call("GET", f"{address.repository}/manifests/{address.reference}")[0])
        config, layer = (
            self._call("GET", f"{address.repository}/blobs/{part['digest']}")[0]
            for part in (manifest["config"], *manifest["layers"])
        )
        return ContainerImage(config, layer)

    def _call(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[bytes, str]:
        """Body and Location of the answer."""
        token = base64.b64encode(f"AWS:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {token}", "Content-Type": kind or "application/octet-stream"}
        request = urllib.request.Request(f"{self.url}/v2/{path}", body, headers, method=method)  # noqa: S310 (ours)
        context = ssl.create_default_context(cafile=self.certificate)
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS, context=context) as answer:  # noqa: S310
                return answer.read(), answer.headers.get("Location", "")
        except urllib.error.HTTPError as error:
            raise RegistryError(_reason(error.read()) or f"{error.code} {error.reason}") from None
        except OSError as error:
            raise RegistryError(f"{self.url} does not answer: {error}") from None


def _reason(body: bytes) -> str:
    try:
        return "; ".join(each["message"] for each in json.loads(body)["errors"])
    except (ValueError, KeyError, TypeError):
        return ""

"""Pulls an image as SageMaker does: from this account's registry, as the role of a model or a job."""

import os

from ministack.core.responses import get_region
from ministack.core.tls import resolve_tls_material

from local_aws.home import ACCOUNT
from local_aws.iam.principal import RoleSession
from local_aws.images.image import ContainerImage
from local_aws.images.registry import Address, RegistryClient, RegistryError


def pull(name: str, session: RoleSession) -> ContainerImage:
    """The image at the address `name`.

    Raises:
        RegistryError, ClientError: the role may not, or there is no such image.
    """
    address = Address.parse(name)
    if address.registry != f"{ACCOUNT}.dkr.ecr.{get_region()}.amazonaws.com":
        raise RegistryError("local AWS has no registry but its own account's in this region")
    url = f"https://127.0.0.1:{os.environ['GATEWAY_PORT']}"
    return RegistryClient.logged_in(session.client("ecr"), url, resolve_tls_material()[0]).pull(address)

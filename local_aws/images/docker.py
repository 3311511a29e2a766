"""Stand-in for Docker, for what the CDK CLI asks of it to publish an image: a program, named by CDK_DOCKER.

    inspect TAG | build --tag TAG [--platform linux/amd64] . | images … | login … | tag TAG TAG | push TAG | version

Images go to the registry of this local AWS and to no other.
"""

import argparse
import fnmatch
import json
import os
import sys
from pathlib import Path

from local_aws.home import ACCOUNT, Home, write_private
from local_aws.images.dockerfile import BuildError, build
from local_aws.images.image import ContainerImage, digest
from local_aws.images.registry import Address, RegistryClient, RegistryError

_PLATFORMS = {"linux/amd64": "amd64", "linux/arm64": "arm64"}
_REGISTRY = f"{ACCOUNT}.dkr.ecr.*.amazonaws.com"


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(_ImageStore(Home.from_environment()), options) or 0)
    except (BuildError, RegistryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


class _ImageStore:
    """Images and passwords of a home folder."""

    def __init__(self, home: Home) -> None:
        self._folder = home.scratch / "images"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._tags, self._logins = self._folder / "tags.json", self._folder / "logins.json"

    @property
    def tags(self) -> dict[str, str]:
        """Name of an image's files, by tag."""
        return _read(self._tags)

    def image(self, tag: str) -> ContainerImage:
        if tag not in self.tags:
            raise RegistryError(f"no image {tag} has been built here")
        name = self.tags[tag]
        return ContainerImage(*(self._folder.joinpath(name + end).read_bytes() for end in (".json", ".tar.gz")))

    def add(self, tag: str, image: ContainerImage) -> None:
        name = digest(image.manifest).removeprefix("sha256:")
        self._folder.joinpath(name + ".json").write_bytes(image.config)
        self._folder.joinpath(name + ".tar.gz").write_bytes(image.layer)
        write_private(self._tags, json.dumps(self.tags | {tag: name}))

    def log_in(self, registry: str, password: str) -> None:
        write_private(self._logins, json.dumps(_read(self._logins) | {registry: password}))

    def password(self, registry: str) -> str:
        if registry not in _read(self._logins):
            raise RegistryError(f"not logged in to {registry}")
        return _read(self._logins)[registry]


def _read(path: Path) -> dict[str, str]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="docker", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--config", help="ignored")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, *names: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name)
        one.set_defaults(run=run)
        for each in names:
            one.add_argument(each)
        return one

    command("version", _version)
    command("inspect", _inspect, "tag")
    built = command("build", _build, "folder")
    built.add_argument("--tag", required=True)
    built.add_argument("--platform", choices=_PLATFORMS, default="linux/amd64")
    built.add_argument("--output", help="ignored: the manifest is Docker's in any case")
    listed = command("images", _images)
    listed.add_argument("--format", required=True, choices=["{{.Repository}}:{{.Tag}}"])
    listed.add_argument("--filter", required=True)
    login = command("login", _login, "registry")
    login.add_argument("--username", required=True, choices=["AWS"])
    login.add_argument("--password-stdin", required=True, action="store_true")
    command("tag", _tag, "source", "target")
    command("push", _push, "target")
    return parser


def _version(_: _ImageStore, __: argparse.Namespace) -> None:
    print("stand-in of local AWS")


def _inspect(store: _ImageStore, options: argparse.Namespace) -> int:
    return 0 if options.tag in store.tags else 1


def _build(store: _ImageStore, options: argparse.Namespace) -> None:
    store.add(options.tag, build(Path(options.folder), architecture=_PLATFORMS[options.platform]))
    print(f"built {options.tag} without Docker: this machine's Python and packages will run it")


def _images(store: _ImageStore, options: argparse.Namespace) -> None:
    pattern = options.filter.removeprefix("reference=")
    print("\n".join(tag for tag in store.tags if fnmatch.fnmatch(tag, pattern)))


def _login(store: _ImageStore, options: argparse.Namespace) -> None:
    _require_local(options.registry)
    store.log_in(options.registry, sys.stdin.read().strip())


def _tag(store: _ImageStore, options: argparse.Namespace) -> None:
    store.add(options.target, store.image(options.source))


def _push(store: _ImageStore, options: argparse.Namespace) -> None:
    address = Address.parse(options.target)
    _require_local(address.registry)
    registry = RegistryClient(
        os.environ["AWS_ENDPOINT_URL"], store.password(address.registry), os.environ["AWS_CA_BUNDLE"]
    )
    registry.push(store.image(options.target), address)


def _require_local(registry: str) -> None:
    """Raises RegistryError if the registry is another one than local AWS's: its images would not run elsewhere."""
    if not fnmatch.fnmatch(registry, _REGISTRY):
        raise RegistryError(f"{registry} is not local AWS's: to push there, unset CDK_DOCKER and use Docker")


if __name__ == "__main__":
    sys.exit(main())

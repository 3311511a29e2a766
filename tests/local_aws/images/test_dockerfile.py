"""Dockerfiles are built without Docker ("Dockerfile reference"), and what would not happen here fails the build."""

import importlib.metadata
from pathlib import Path

import pytest

from local_aws.images.dockerfile import BuildError, build
from local_aws.images.image import ContainerImage

START = "FROM python:3.13-slim\n"
END = 'ENTRYPOINT ["python", "-m", "program"]\n'


def built(folder: Path, middle: str, **files: str) -> ContainerImage:
    for name, content in {"a.py": "a", "b.py": "b", **files}.items():
        (folder / name.replace("__", ".")).write_text(content)
    (folder / "Dockerfile").write_text(START + middle + END)
    return build(folder, architecture="amd64")


def files(image: ContainerImage, folder: Path) -> dict[str, str]:
    image.unpack(folder)
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_files_settings_and_command_are_those_of_the_instructions(tmp_path: Path) -> None:
    image = built(tmp_path, "WORKDIR /program\nCOPY *.py there/\nCOPY a.py \\\n  ./\nENV ONE=1 TWO='2 3'\n")
    assert files(image, tmp_path / "root") == {
        "program/there/a.py": "a",
        "program/there/b.py": "b",
        "program/a.py": "a",
    }
    assert image.environment == {"ONE": "1", "TWO": "2 3"}
    assert (image.command, image.working_folder) == (["python", "-m", "program"], "/program")


def test_the_same_files_give_the_same_image_and_others_another_one(tmp_path: Path) -> None:
    first, again = (built(tmp_path, "COPY a.py /\n") for _ in range(2))
    assert first.manifest == again.manifest
    assert built(tmp_path, "COPY a.py /\n", a__py="changed").manifest != first.manifest


@pytest.mark.parametrize(
    ("middle", "said"),
    [
        ("EXPOSE 8080\n", "line 2: local AWS does not know EXPOSE; it knows FROM, WORKDIR, COPY, RUN, ENV, ENTRYPOINT"),
        ("RUN apt-get install gcc\n", "line 2: RUN: apt-get install gcc: local AWS runs `pip install"),
        ("COPY nothing.py /\n", "line 2: COPY: nothing.py matches no file"),
        ("COPY *.py /program\n", "line 2: COPY: several files need a folder as target"),
        ("COPY --from=other a.py /\n", "without options"),
        ("ENTRYPOINT python program\n", "line 2: ENTRYPOINT: give the exec form"),
        ("RUN pip install -r lock.txt\n", "line 2: RUN: no /lock.txt has been copied"),
    ],
)
def test_an_instruction_that_is_wrong_or_unknown_fails_by_its_line(tmp_path: Path, middle: str, said: str) -> None:
    with pytest.raises(BuildError, match=r"^Dockerfile, ") as error:
        built(tmp_path, middle)
    assert said in str(error.value)


def test_a_base_that_is_no_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM ubuntu\n" + END)
    with pytest.raises(BuildError, match=r"line 1: FROM: ubuntu: .*python"):
        build(tmp_path, architecture="amd64")


def test_the_packages_of_the_lock_are_those_of_this_machine(tmp_path: Path) -> None:
    here = importlib.metadata.version("numpy")
    install = "COPY lock.txt /\nRUN pip install --require-hashes -r lock.txt && pip uninstall --yes pip\n"
    built(
        tmp_path,
        install,
        lock__txt=f"numpy=={here} \\\n    --hash=sha256:0\nleft-pad==1 ; sys_platform == 'win32' \\\n",
    )
    with pytest.raises(BuildError) as error:
        built(tmp_path, install, lock__txt="numpy==0.1 \\\n    --hash=sha256:0\nleft-pad==1 \\\n    --hash=sha256:0\n")
    assert f"numpy==0.1 (here: {here}), left-pad==1 (here: not installed)" in str(error.value)

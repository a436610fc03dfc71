# On a fresh machine two commands do all the set-up: `make demo` and `make test`. `make` alone lists the rest.
# PYTHON=/path/to/python chooses the interpreter; otherwise the best one found makes .venv.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-end-to-end test-flows test-console console bench soak fuzz local lint format events docs lock build validate deployable deploy delete rehearse clean moved

# Without stored bytecode, each of the hundreds of processes that the tests start would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
export SAM_CLI_TELEMETRY := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

HOOKLINE := .venv/bin/hookline
SAM := .venv-sam/bin/sam
FLOWS := flows

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
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' Makefile

demo: .venv/installed  ## run one whole call, no account needed, and show it
	@$(HOOKLINE) demo

# More workers than the two processors that everyone has: tests wait for timeouts half of their time.
pytest = .venv/bin/python -m pytest -n 5 --dist loadfile --no-loadscope-reorder

test: .venv/installed console/vendor/installed  ## run the tests, offline; ARGS="..." goes to pytest
	$(pytest) --ignore tests/end_to_end $(ARGS)

test-end-to-end: .venv/installed .venv-sam/installed console/vendor/installed  ## test whole stacks as processes, and what sam builds
	$(pytest) $(or $(ARGS),tests/end_to_end)

test-flows: .venv/installed  ## run only the tests of the call flows, in seconds
	.venv/bin/python -m pytest tests/flows $(ARGS)

bench: .venv/installed  ## measure time and memory beside their bars (some minutes; best on a quiet machine)
	.venv/bin/python -m benchmarks $(ARGS)

soak: .venv/installed  ## HOOKLINE_SOAK (10,000) webhooks, shuffled, doubled, hit by faults, and 100,000 orders (an hour)
	HOOKLINE_SOAK=$${HOOKLINE_SOAK:-10000} .venv/bin/python -m pytest tests/layer/test_soak.py -s | grep " deliveries of "
	HOOKLINE_ORDERS=100000 .venv/bin/python -m pytest tests/layer/test_order.py
	HOOKLINE_FUZZ=1000 .venv/bin/python -m pytest tests/functions/test_calls_api_contract.py

fuzz: .venv/installed .venv-fuzz/installed  ## send the calls API requests by its OpenAPI document, right and wrong ones (under a minute)
	.venv/bin/python -m tests.fuzz_api "$(CURDIR)/.venv-fuzz/bin/schemathesis" --max-examples 20 $(ARGS)

local: .venv/installed console/vendor/installed  ## run the stack on this machine until Ctrl-C
	@$(HOOKLINE) serve

console: console/vendor/installed  ## install what the pages of the console load, by lock and hash

test-console: .venv/installed .venv-console/installed console/vendor/installed console/node_modules/axe-core/axe.min.js  ## test the console in Chromium or Chrome (CHROMIUM=...)
	@CHROMIUM="$$(.venv/bin/python -m tests.console.browser)" PYTHONPATH="$$(echo .venv-console/lib/python*/site-packages)"; \
	test -n "$$CHROMIUM" && export CHROMIUM PYTHONPATH && .venv/bin/python -m pytest $(or $(ARGS),tests/console)

lint: .venv/installed  ## ruff, mypy, cfn-lint, and words to write away
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/cfn-lint template.yaml
	.venv/bin/python -m tests.project.words

format: .venv/installed  ## let ruff put the code in order
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

events: .venv/installed  ## make the sample requests in events/ again from their bodies
	.venv/bin/python -m hookline_local.samples.generate

docs: .venv/installed  ## make the pages of docs/ that follow from the code again
	.venv/bin/python -m docs.generate

build: .venv/installed .venv-sam/installed console/vendor/installed  ## check the flows, then sam build, without Docker, into .aws-sam/build
	.venv/bin/python -m hookline_local.deciding.flow_check $(FLOWS)
	env -u MAKEFLAGS -u MAKELEVEL PATH="$(CURDIR)/.venv/bin:$$PATH" $(SAM) build
	@.venv/bin/python layers/sbom.py > .aws-sam/sbom.cdx.json

validate: .venv-sam/installed  ## sam validate --lint
	AWS_DEFAULT_REGION="$${AWS_DEFAULT_REGION:-us-east-1}" $(SAM) validate --lint

# STAGE: a table of samconfig.toml. STACK and REGION go before it, and before the region of your AWS profile.
# Taken as they are written, so that make does not expand a `$` in a text.
override PARAMETERS := $(value PARAMETERS)
export PARAMETERS
stage := $(if $(STAGE),--config-env "$(STAGE)") $(if $(STACK),--stack-name "$(STACK)") $(if $(REGION),--region "$(REGION)")

# Not --guided: that cannot leave a parameter with NoEcho empty. A parameter that is not given keeps its value in an existing
# stack. Without a terminal no one can confirm, so nothing is asked.
deploy: deployable build  ## sam deploy, with TELNYX_PUBLIC_KEY, TELNYX_API_KEY, PARAMETERS, STAGE, STACK, REGION (docs/deploy.md)
	@set -- "$${TELNYX_PUBLIC_KEY:+TelnyxPublicKeys=$$TELNYX_PUBLIC_KEY }$${TELNYX_API_KEY:+TelnyxApiKey=$$TELNYX_API_KEY }$$PARAMETERS"; \
	$(SAM) deploy $(stage) $$(test -t 0 || echo --no-confirm-changeset) $${1:+--parameter-overrides "$$1"} || \
		{ $(deployable); exit 1; }
	@$(deployable) --deployed

# A stack whose first deployment has failed takes no second one, and CloudFormation's own error does not name the way out.
# SAM's status is 0 as well when its question is answered with no.
deployable = .venv/bin/python -m hookline_local.cli.deployable $(stage)
deployable: .venv/installed
	@$(deployable)

delete: .venv-sam/installed  ## sam delete, with STAGE, STACK, REGION; table, bucket and queues with messages stay
	@$(SAM) delete $(stage) $$(test -t 0 || echo --no-prompts)

rehearse: .venv/installed .venv-sam/installed .venv-rehearsal/installed console/vendor/installed  ## deploy to an emulator of AWS, call, delete; no account
	.venv/bin/python -m rehearsal $(ARGS)

lock: .venv/installed  ## renew the pinned versions in the lock files
	$(compile) --upgrade --only-binary :all: --universal \
		--output-file layers/dependencies/requirements.txt layers/dependencies/requirements.in
	$(compile) --upgrade --universal --constraint layers/dependencies/requirements.txt --group pyproject.toml:dev \
		--output-file requirements-dev.lock layers/dependencies/requirements.in
	$(compile) --upgrade --universal --group pyproject.toml:sam --output-file requirements-sam.lock
	$(compile) --upgrade --universal --group pyproject.toml:rehearsal --output-file requirements-rehearsal.lock
	$(compile) --upgrade --universal --group pyproject.toml:console --output-file requirements-console.lock
	$(compile) --upgrade --universal --group pyproject.toml:fuzz --output-file requirements-fuzz.lock
	cd console && npm install --package-lock-only --omit-lockfile-registry-resolved

# 3.11 is the oldest Python the code runs on: what is locked for it holds for the later ones too.
compile = .venv/bin/uv pip compile --quiet --no-config --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

clean:  ## remove what make made: environments, builds, caches
	rm -rf .venv .venv-sam .venv-rehearsal .venv-console .venv-fuzz console/node_modules console/vendor .aws-sam .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find benchmarks docs flows functions layers local rehearsal tests -name __pycache__ -type d -prune -exec rm -rf {} +

# A virtual environment holds absolute paths, the one of this checkout among them: in a checkout that was moved or copied it
# would run the code of the other place. Each stamp holds the place it was made in.
moved := $(strip $(foreach venv,.venv .venv-sam .venv-rehearsal .venv-console .venv-fuzz,$(shell \
	test ! -e $(venv)/installed || test "$$(cat $(venv)/installed)" = "$(CURDIR)" || echo $(venv))))

moved:
	@echo "This checkout was somewhere else when $(moved) was made: making it again"
	@rm -rf $(moved)

# uv is in the lock file and installs the rest in seconds; where it cannot reach an index that pip is set up for, pip does.
.venv/installed: requirements-dev.lock pyproject.toml $(if $(moved),moved)
	@python="$(PYTHON)"; test -n "$$python" || { echo "$$no_python"; exit 1; }; \
	.venv/bin/python -c '$(usable)' 2>/dev/null || { echo "Making .venv with $$python"; "$$python" -m venv --clear .venv; }
	@echo "Installing the development packages into .venv (once; seconds to a minute)"
	@awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements-dev.lock > .venv/uv.txt
	@.venv/bin/python -m pip install -qq --require-hashes -r .venv/uv.txt
	@.venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r requirements-dev.lock || \
		.venv/bin/python -m pip install --require-hashes -r requirements-dev.lock
	@.venv/bin/python -m pip install -qq --no-index --no-build-isolation --no-deps --editable .
	@echo "$(CURDIR)" > $@

# $(call environment,NAME): .venv-NAME, of what requirements-NAME.lock lists.
define environment
@.venv/bin/uv venv --quiet --allow-existing --python .venv/bin/python .venv-$(1)
@.venv/bin/uv pip install --quiet --python .venv-$(1)/bin/python --require-hashes -r requirements-$(1).lock || \
	.venv/bin/python -m pip --python .venv-$(1) install --require-hashes -r requirements-$(1).lock
endef

.venv-sam/installed: requirements-sam.lock layers/dependencies/requirements.txt layers/dependencies/Makefile layers/build.mk \
		$(if $(moved),moved) | .venv/installed
	@echo "Installing the SAM CLI into .venv-sam (once; seconds to a minute)"
	$(call environment,sam)
	@echo "Fetching the wheels of the layer into .cache/wheels, for Lambda and for this machine: the tests build both, offline"
	@for arch in arm64 native; do \
		LAYER_ARCH=$$arch LAYER_INTERPRETER="$(CURDIR)/.venv/bin/python" WHEELS="$(CURDIR)/.cache/wheels" \
			$(MAKE) --no-print-directory -C layers/dependencies wheels || exit 1; \
	done
	@echo "$(CURDIR)" > $@

.venv-rehearsal/installed: requirements-rehearsal.lock $(if $(moved),moved) | .venv/installed
	@echo "Installing the emulator of AWS into .venv-rehearsal (once; seconds)"
	$(call environment,rehearsal)
	@echo "$(CURDIR)" > $@

.venv-console/installed: requirements-console.lock $(if $(moved),moved) | .venv/installed
	@echo "Installing the driver of the browser into .venv-console (once; seconds)"
	$(call environment,console)
	@echo "$(CURDIR)" > $@

.venv-fuzz/installed: requirements-fuzz.lock $(if $(moved),moved) | .venv/installed
	@echo "Installing Schemathesis into .venv-fuzz (once; seconds)"
	$(call environment,fuzz)
	@echo "$(CURDIR)" > $@

# npm 7 or later, or else the one that .venv-console brings.
console/vendor/installed: console/package-lock.json | .venv/installed
	@set -e; npm=npm; case "$$(npm --version 2>/dev/null)" in [7-9].* | [1-9][0-9].*) ;; *) \
		$(MAKE) .venv-console/installed; npm="$(CURDIR)/.venv-console/bin/npm"; PATH="$(CURDIR)/.venv-console/bin:$$PATH";; esac; \
	cd console && "$$npm" ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error > /dev/null
	@mkdir -p console/vendor && cp console/node_modules/preact/dist/preact.mjs console/node_modules/htm/dist/htm.mjs console/vendor/
	@touch $@

console/node_modules/axe-core/axe.min.js: console/package-lock.json | .venv-console/installed
	@cd console && PATH="$(CURDIR)/.venv-console/bin:$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error > /dev/null
	@touch $@

# How source becomes what Lambda runs. Included by the Makefiles of the functions, the flows and the layers; `sam build`
# runs those in the source folders (build_in_source in samconfig.toml) and sets ARTIFACTS_DIR, where the result goes.
#
#   LAYER_PYTHON   3.13, the minor version of the runtime
#
# Nothing but source and byte code goes in, so that an artifact changes only when its source does. Byte code needs Python
# 3.13. It is included (`sam build` strips it from what it builds itself) because /opt and /var/task cannot be written to,
# so that without it every cold start compiles httpx, PyNaCl and Powertools again; and it is unchecked-hash, not compared
# with its source, because packaging changes every date.

LAYER_PYTHON ?= 3.13

compiler := $(shell for python in $${PYENV_ROOT:-~/.pyenv}/versions/$(LAYER_PYTHON).*/bin/python python$(LAYER_PYTHON); do \
	"$$python" -c 'import compileall' 2>/dev/null && echo "$$python" && break; done)

# $(call copy,FILES,FOLDER): the files that `find` finds with FILES, into a folder of the artifact.
copy = mkdir -p "$(ARTIFACTS_DIR)/$(2)" && find $(1) -print0 | tar -cf - --null -T - | tar -xf - -C "$(ARTIFACTS_DIR)/$(2)"

# $(call compile,ROOT): byte code for everything in the artifact, which Lambda unpacks at ROOT.
compile = $(if $(compiler),"$(compiler)" -m compileall -q --invalidation-mode unchecked-hash \
	-s "$(ARTIFACTS_DIR)" -p $(1) "$(ARTIFACTS_DIR)")

# One door to everything: `make test` prepares what it needs by itself, in .venv, and runs the tests.
#
#   make test                          all tests, with types, lint and format among them
#   make test PYTEST='-k locking'      some of them; whatever pytest understands
#   make guest                         file systems in virtual machines on served disks: one or two minutes
#   make demo                          the demonstration of `aiovdi demo`
#   make bench                         the benchmarks, beside the peers that are installed
#   make lint                          types, lint and format alone
#   make venv                          .venv alone;   make PYTHON=python3.12 venv   with a Python of your choice
#   make clean                         remove what was made here

SHELL := /bin/bash
VENV := .venv
READY := $(VENV)/ready
PYTEST ?=

# The newest Python that is new enough and can make a virtual environment; empty if there is none.
# Debian splits venv off: there `import ensurepip` is what fails.
CANDIDATES := python3.14 python3.13 python3.12 python3.11 python3
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for each in $(CANDIDATES); do if $$each -c '$(USABLE)' 2>/dev/null; then echo $$each; break; fi; done)

define NO_PYTHON
No Python from 3.11 on that can make a virtual environment was found (tried: $(CANDIDATES)).
On Debian 12 and newer, or Ubuntu 24.04 and newer:   apt-get install python3 python3-venv
Another one that you have:                           make PYTHON=/path/to/python3 test
endef
export NO_PYTHON

.DELETE_ON_ERROR:
.PHONY: test guest demo bench lint venv clean

test: $(READY)
	$(VENV)/bin/python -m pytest $(PYTEST)

# Needs qemu-system-x86 and e2fsprogs; the kernel is downloaded, and not installed.
guest: $(READY)
	$(VENV)/bin/python -m pytest --guest tests/interop/test_guest.py $(PYTEST)

demo: $(READY)
	$(VENV)/bin/aiovdi demo

bench: $(READY)
	$(VENV)/bin/python -m benchmarks

lint: $(READY)
	$(VENV)/bin/python -m mypy
	$(VENV)/bin/python -m ruff check .
	$(VENV)/bin/python -m ruff format --check aiovdi faults benchmarks tests

venv: $(READY)

# Made again when the dependencies may have changed; the package itself is installed editable.
$(READY): pyproject.toml
	@python=$$(command -v "$(PYTHON)") && "$$python" -c '$(USABLE)' || { echo "$$NO_PYTHON" >&2; exit 1; }
	"$(PYTHON)" -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable '.[all]'
	@touch $@

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

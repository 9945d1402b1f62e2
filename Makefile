# `make up` and `make test` set up everything that they need; run either in a fresh clone.
.POSIX:
.SUFFIXES:

STAMP = .venv/.windsock-lock

.DEFAULT_GOAL = up
.PHONY: up down test test-all .venv

up: .venv
	.venv/bin/windsock up

down: .venv
	.venv/bin/windsock down

test: .venv
	.venv/bin/nox

test-all: .venv
	.venv/bin/nox -- full

.venv: $(STAMP)

# uv comes from the lock like everything else, and never downloads an interpreter. Bytecode is compiled once, here.
$(STAMP): locks/app.txt pyproject.toml
	@set -eu; \
	export UV_PYTHON_DOWNLOADS=never; \
	if ! .venv/bin/python -c '' 2>/dev/null || ! .venv/bin/uv --version >/dev/null 2>&1; then \
		found=; \
		for python in python3.11 python3.12 python3.13 python3 "$${HOME:-}"/.pyenv/versions/3.1[123].*/bin/python; do \
			path=$$(command -v "$$python" 2>/dev/null) || continue; \
			"$$path" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
				2>/dev/null || continue; \
			found=$$path; break; \
		done; \
		if [ -z "$$found" ]; then \
			echo 'Windsock needs Python 3.11, 3.12 or 3.13 with venv. Install one, for example:' >&2; \
			echo '  Debian, Ubuntu: apt-get install python3.11 python3.11-venv' >&2; \
			echo '  Fedora: dnf install python3.12    macOS: brew install python@3.12    pyenv install 3.12' >&2; \
			exit 1; \
		fi; \
		echo "Making .venv with $$found"; \
		rm -rf .venv; \
		"$$found" -m venv .venv; \
		sed -n '/^uv==/,/[^\\]$$/p' locks/app.txt > .venv/uv.txt; \
		.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt; \
	fi; \
	echo 'Installing locks/app.txt into .venv'; \
	VIRTUAL_ENV="$$PWD/.venv" .venv/bin/uv pip sync --quiet --require-hashes --compile-bytecode locks/app.txt; \
	VIRTUAL_ENV="$$PWD/.venv" .venv/bin/uv pip install --quiet --no-deps --editable .; \
	touch $(STAMP)

# env run test lint bench: everything a developer or a visitor types.
.PHONY: env run test lint bench clean-run
.DEFAULT_GOAL := run

# An ordinary environment holds everything; `make run` needs only what serves.
env:
	@tools/make_env.sh

run:
	@tools/make_env.sh --no-dev --inexact
	@.venv/bin/hotline demo --calls 8

test: env
	@.venv/bin/python -m tests.provision
	@.venv/bin/python -m pytest -n 3 --dist loadgroup

lint: env
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: env
	.venv/bin/hotline bench all

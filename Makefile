# env run test lint bench: everything a developer or a visitor types.
.PHONY: env run test lint coverage bench
.DEFAULT_GOAL := run

# An ordinary environment holds everything; `make run` needs only what serves.
env:
	@tools/make_env.sh

run:
	@tools/make_env.sh --no-dev --inexact
	@.venv/bin/hotline demo --calls 8

# Four at once: most of the suite waits for people who talk in real time, but recognition does not. Thirty-five callers
# at once, with keys and speech to the second, have the machine to themselves.
ALONE = tests/e2e/test_flows.py

test: coverage
	@.venv/bin/python -m tests.provision
	@.venv/bin/python -m pytest -q $(ALONE)
	@.venv/bin/python -m pytest -n 4 --dist loadscope $(CORE_TESTS:%=--ignore=%) $(ALONE:%=--ignore=%)

# The pure cores (pyproject.toml names them), by branches; their tests need no PBX.
CORE_TESTS = tests/telephony/call_fold tests/telephony/ami/test_ami_events.py tests/telephony/ami/test_ami_codec.py \
	tests/telephony/live_audio/test_audio_framing.py tests/ivr_flows tests/rate tests/tickets \
	tests/asr/test_asr_gate.py tests/asr/test_asr_timeline.py tests/asr/test_asr_transcript.py \
	tests/asr/test_asr_capacity.py tests/asr/test_asr_room.py tests/asr/test_asr_drift.py \
	tests/agents/test_roster.py tests/agents/test_call_moves.py tests/workplace

coverage: env
	@.venv/bin/python -m pytest -q -n 2 $(CORE_TESTS) --cov --cov-report=term --cov-fail-under=98

lint: env
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: env
	.venv/bin/hotline bench all

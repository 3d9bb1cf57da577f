# kiosk-agent: everything a developer does, by name. `make help` lists it.

SWIFT := $(shell command -v swift || echo /opt/swift/usr/bin/swift)
PYTHON := .cache/venv/bin/python
# The Swift runtime is linked statically: what is tested is what the packages hold.
RELEASE := -c release --static-swift-stdlib
SWIFT_FILES := Package.swift Sources Tests Benchmarks Fuzz Scripts
# Where the release programs are; asked of the package manager only when a recipe needs it.
BIN = $(shell $(SWIFT) build -c release --show-bin-path)

.DEFAULT_GOAL := help
.PHONY: help setup build demo test build-tests test-unit test-console test-interop test-compatibility test-outages test-rounds test-machine deb test-deb tsan asan lint format build-fuzz fuzz-briefly bench bench-network bench-signaling bench-attacks soak fuzz clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install the Debian packages and Python packages that building and testing need
	@Scripts/setup build test

build: ## build kiosk-agent and kiosk-signaling in release mode
	@Scripts/setup build
	@$(SWIFT) build $(RELEASE) --product kiosk-signaling
	@$(SWIFT) build $(RELEASE) --product kiosk-agent

demo: build ## start a server and a kiosk on this machine and print the console's address
	@BIN=$(BIN) Scripts/demo

test: setup ## everything that needs no virtual machine
	@Scripts/test

build-tests:
	@Scripts/setup build
	@$(SWIFT) build --quiet --build-tests

test-unit: ## the Swift tests
	@Scripts/setup build
	Scripts/test-unit $(ARGS)

test-console: ## the console's modules without a browser, and their types
	@Scripts/setup test
	tsc -p Sources/ConsolePage/jsconfig.json
	node --test Tests/ConsoleTests/*.test.mjs

test-interop: build
	@Scripts/setup test
	@$(SWIFT) build $(RELEASE) --product socketio-echo
	@$(SWIFT) build $(RELEASE) --product sctp-echo
	BIN=$(BIN) Scripts/test-interop $(ARGS)

test-compatibility: build ## this release's programs against those of the release before, built from its commit
	@Scripts/setup test
	BIN=$(BIN) Scripts/test-compatibility $(ARGS)

test-outages: build ## nine pictures on a console while the server is killed and away for 12, 30 and 60 s
	@Scripts/setup test
	BIN=$(BIN) PICTURES=9 OUTAGES=12,30,60 Scripts/test-interop -k test_outages -s

test-rounds: build ## what 200 rounds of watching and stopping leave in a console's page
	@Scripts/setup test
	BIN=$(BIN) ROUNDS=200 Scripts/test-interop -k test_rounds -s

test-machine: deb ## a kiosk with real drivers in a virtual machine
	@Scripts/setup test machine
	BIN=$(BIN) Scripts/machine/test
	Scripts/machine/test-packages

tsan: ## the reactor and the pools under ThreadSanitizer
	@Scripts/setup build
	Scripts/tsan

asan: build ## HTTP, WebSocket and TLS against evil servers and evil clients under AddressSanitizer
	@Scripts/setup test
	BIN=$(BIN) Scripts/asan

deb: build ## the Debian packages kiosk-agent and kiosk-signaling, in .build/deb
	@Scripts/setup build package
	@BIN=$(BIN) Scripts/deb

test-deb: deb ## lintian, sandbox figures, and install, upgrade and purge of the packages in a throw-away system
	@Scripts/setup package
	@BIN=$(BIN) Scripts/test-deb

lint: ## swift format, and what scripts and Python files can be checked for without running them
	@$(SWIFT) format lint --strict --recursive --parallel $(SWIFT_FILES)
	@Scripts/setup test
	@Scripts/lint-scripts

format: ## rewrite the Swift files the way lint wants them
	@$(SWIFT) format --in-place --recursive --parallel $(SWIFT_FILES)

bench: build ## what a session costs: CPU, memory, time to the first packet and to the first picture
	@Scripts/setup test
	@BIN=$(BIN) Scripts/interop $(PYTHON) Scripts/bench $(ARGS)

bench-network: build ## how media survives networks, beside Chromium's own sender; ARGS='--case loss5 --sender agent'
	@Scripts/setup test
	@BIN=$(BIN) Scripts/interop $(PYTHON) Scripts/bench-network $(ARGS)

bench-signaling: build ## what forwarding a message and keeping a connection cost, beside python-socketio and bare libwebsockets
	@Scripts/setup test bench
	@$(SWIFT) build $(RELEASE) --product socketio-echo
	@BIN=$(BIN) $(PYTHON) Scripts/bench-signaling $(ARGS)

bench-attacks: build ## what a well-behaved pair notices while the server is attacked; ARGS='--runs 3 --seconds 10'
	@Scripts/setup test
	@BIN=$(BIN) $(PYTHON) Scripts/bench-attacks $(ARGS)

soak: build ## ten minutes of 200 kiosks and 50 monitors while the server is restarted and killed; then everything is counted
	@Scripts/setup test
	@BIN=$(BIN) $(PYTHON) Scripts/soak $(ARGS)

build-fuzz:
	@Scripts/setup build
	Scripts/fuzz 0

# Long enough to notice a body that breaks; `make fuzz` is the long one.
fuzz-briefly:
	@Scripts/setup build
	Scripts/fuzz 10

fuzz: ## fuzz every parser and state machine; SECONDS=60 each
	@Scripts/setup build
	Scripts/fuzz $(or $(SECONDS),60)

clean: ## remove everything that was built or fetched
	rm -rf .build .cache

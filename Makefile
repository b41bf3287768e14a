# `make help` lists the targets. Each installs what it needs and says what it does.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
SWIFT ?= swift

.PHONY: help setup build debug unit integration e2e e2e-large test soak chaos bench lint format layers docs demo fresh hooks clean

help: ## Lists the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## Installs the Debian packages that are missing
	@.ci/setup

build: setup ## Builds the programs for release
	@echo "build: release build of all programs"
	$(SWIFT) build -c release --static-swift-stdlib --explicit-target-dependency-import-check error

debug: setup ## Builds everything for debugging, tests included
	@echo "debug: debug build with tests"
	$(SWIFT) build --build-tests --explicit-target-dependency-import-check error

unit: debug ## Tests that need no server
	@echo "unit: tests without servers"
	@.ci/swift-test --skip 'LibPQTests|RabbitMQTests|PostgresStoreTests|LocalStackTests|EndToEndTests'

integration: debug ## Tests with real PostgreSQL, RabbitMQ and HTTP on loopback
	@echo "integration: tests with private servers"
	@.ci/swift-test --no-parallel --filter LocalStackTests \
		--and --no-parallel --filter 'LibPQTests|RabbitMQTests|PostgresStoreTests'

e2e: build debug ## Tests of the release programs, started as a user starts them
	@echo "e2e: release programs against simulated tenants"
	@few='EndToEndTests\.(Crash|RestoreCrash|RestoreCommand)Tests'; truth='EndToEndTests\.TruthTests'; \
	.ci/e2e --no-parallel --filter "$$truth" --and --no-parallel --filter "$$few" \
		--and --no-parallel --filter EndToEndTests --skip "$$truth|$$few"

test: lint layers unit integration e2e checks ## Everything that CI runs

checks: ## Checks the compose file, alert rules and runbooks
	@.ci/setup checks
	@.ci/checks

soak: build debug ## Long truth and sealing tests: rounds of churn at 10,000 users, 1,000 objects of canaries (SEED=n)
	ENTRA_BACKUP_SOAK=1 ENTRA_BACKUP_SEED=$(SEED) .ci/e2e --no-parallel --filter 'EndToEndTests\.(Truth|Sealed)Tests'

e2e-large: build debug ## What is too long for CI: restores and erasures of whole tenants, killed restorers, 100,000 random commands
	ENTRA_BACKUP_LARGE=1 .ci/e2e --no-parallel \
		--filter 'EndToEndTests\.(Restore|RestoreDisaster|RestoreCrash|RestoreRealData|Erasure)Tests'
	ENTRA_BACKUP_LARGE=1 .ci/swift-test --filter PostgresStoreTests.CommandWallTests

chaos: build debug ## Random SIGKILLs of stages and database, wiped brokers, over many rounds (SEED=n)
	ENTRA_BACKUP_CHAOS=1 ENTRA_BACKUP_SEED=$(SEED) .ci/e2e --no-parallel --filter 'EndToEndTests\.ChaosTests'

bench: build ## Measures speed and memory as ratios against baselines of the same run
	@echo "bench: release build with benchmarks"
	@Tests/Benchmarks/run

lint: ## Checks format and style
	@echo "lint: swift format lint"
	@$(SWIFT) format lint --strict --parallel --recursive Package.swift Sources Tests
	@.ci/sizes

format: ## Formats all sources
	$(SWIFT) format --in-place --parallel --recursive Package.swift Sources Tests

layers: ## Checks the target graph against the architecture
	@.ci/check-layers

docs: ## Lists public declarations without documentation
	@.ci/check-docs

demo: build ## Shows the whole thing on a simulated tenant, in about a minute
	@.ci/demo

fresh: ## Runs demo and test in a bare Debian 12 (debootstrap, needs root)
	@.ci/fresh

hooks: ## Enables the pre-commit check
	git config core.hooksPath .githooks

clean: ## Removes build products
	rm -rf .build

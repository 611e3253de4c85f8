.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help build demo test test-fast lint bench migrate example-config clean

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BENCH ?= callback queue events

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# timetzdata: business days need a time zone database, which small machines and images lack.
build: ## bin/zhiyin, a static binary
	CGO_ENABLED=0 go build -trimpath -tags timetzdata,nomsgpack -ldflags "-s -w -X main.version=$(VERSION)" -o bin/zhiyin .

demo: build ## the server, the platform simulator and a believable company, with nothing to install
	@bin/zhiyin demo

test: lint build ## everything that CI checks
	scripts/services run -- scripts/test

test-fast: ## the tests on SQLite, without the race detector
	env -u TEST_MYSQL_DSN CGO_ENABLED=0 go test ./...

lint: ## formatting, go vet, staticcheck
	scripts/lint

bench: build ## measure on a durable MariaDB; BENCH="callback queue" chooses what
	scripts/services --durable run -- sh -ec 'for name in $(BENCH); do bin/zhiyin bench $$name; done'

migrate: build ## bring the configured database's schema up to date
	bin/zhiyin migrate

example-config: ## write config.example.yaml from the documented fields of config/config.go
	go generate ./config

clean: ## remove what was built; data/ stays
	rm -rf bin

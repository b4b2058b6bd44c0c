# make test    installs what is missing, then runs all tests but those of natsbroker, pgbroker and redisbroker, in a real browser and behind nginx; skips nothing
# make check   what needs no browser, in about a minute
# make test-postgres   pgbroker, with a PostgreSQL server that its tests start
# make test-nats       natsbroker, with NATS servers that its tests start
# make test-redis      redisbroker, with Redis servers that its tests start
# make lint    golangci-lint
# make bench   pull beside its peers, about half an hour; see bench/README.md
# make build   the browser client's bundle, client/dist
# make release VERSION=0.1.0 V5=5.0.0   checks whether this commit can be released, and prints the commands
# make screenshot   the picture of the example, docs/example.png

LINT = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.0

# The modules that are plugins: the root, for Echo v4, and a directory for each later Echo.
PLUGINS = . $(patsubst %/go.mod,%,$(wildcard v[0-9]*/go.mod))

# The modules with logs on engines.
ENGINES = $(patsubst %/go.mod,%,$(wildcard *broker/go.mod))

.PHONY: test test-postgres test-nats test-redis check setup vet go client e2e engines fuzz lint bench build screenshot release

test: export CI ?= true
test: setup vet go client e2e engines

check: vet go client

setup:
	./scripts/setup

vet:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt-ed: $$unformatted"; exit 1; }
	for dir in $(PLUGINS); do \
		for os in '' darwin windows; do (cd $$dir && GOOS=$$os go vet ./...) || exit 1; done \
	done  # state files are locked in ways of their own on each system
	for dir in $(ENGINES); do (cd $$dir && go vet ./... && GOOS=darwin go vet ./... && GOOS=windows go build ./...) || exit 1; done
	cd bench && go vet ./... && go build -o /dev/null .
	cd example && go vet ./...
	cd e2e && go vet ./...

go:
	go test -race ./...
	go run ./scripts/port5 -race ./...  # the same tests against Echo v5, and its own
	cd bench && go test -race ./...
	cd example && go test -race ./...

# The logs on engines come last: they keep the disk busy. Those in servers have targets of their own, because their tests
# measure how soon faults are noticed, and need a machine that does nothing else.
engines:
	cd sqlitebroker && go test -race ./...

test-postgres: export CI ?= true
test-postgres:
	./scripts/setup postgres
	cd pgbroker && go test -race -count=1 ./...

# Its servers are part of its test program: there is nothing to install.
test-nats: export CI ?= true
test-nats:
	cd natsbroker && go test -race -count=1 -parallel 4 ./...

test-redis: export CI ?= true
test-redis:
	./scripts/setup redis
	cd redisbroker && go test -race -count=1 -parallel 4 ./...  # they mostly wait

client: client/node_modules
	cd client && npm run --silent types && npm test --silent && npm run --silent check

%/node_modules: %/package-lock.json
	cd $* && npm ci --silent --no-audit --no-fund
	touch $@

e2e: e2e/node_modules
	cd e2e && go test -race -count=1 ./...

# Each fuzz test for a little while.
fuzz:
	for p in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$p | grep ^Fuzz); do go test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s $$p || exit 1; done \
	done

lint:
	config=$$PWD/.golangci.yml; for dir in $(PLUGINS) $(ENGINES) bench e2e example; do (cd $$dir && go run $(LINT) run -c $$config ./...) || exit 1; done

bench:
	$(MAKE) -C bench bench

build: client/node_modules
	cd client && npm run build

screenshot:
	cd e2e && go test -count=1 -run TestScreenshot -screenshot ../docs/example.png .

release:
	./scripts/release '$(VERSION)' '$(V5)'

# make test    installs what is missing, then runs all tests, in a real browser, behind nginx and with real engines; skips nothing
# make check   what needs no browser
# make test-postgres, test-redis, test-nats, test-sqlite   one engine, with the servers that its tests start
# make cluster   several nodes, and nodes that are killed, on each engine
# make fuzz    each fuzz test for 20 seconds
# make test-exporters   the modules for Prometheus and OpenTelemetry
# make lint    golangci-lint
# make bench   pull beside its peers, at most 25 minutes; see bench/README.md
# make bench-aims   what the aims need, at most 12 minutes
# make soak    the example with 2,000 pages for 30 minutes, under faults: nothing may grow or be lost; draws docs/soak.svg
# make soak-short   the same with 400 pages for three minutes, which is a part of make test
# make build   the browser client's bundle, client/dist
# make client  the browser client's tests, and the npm package in fresh projects, for which npm needs a network
# make release VERSION=0.1.0 V5=5.0.0   checks whether this commit can be released, and prints the commands
# make screenshot   the pictures docs/example.png and docs/inspector.png

LINT = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.0

# The modules that are plugins: the root, for Echo v4, and a directory for each later Echo.
PLUGINS = . $(patsubst %/go.mod,%,$(wildcard v[0-9]*/go.mod))

# The modules with logs on engines.
ENGINES = $(patsubst %/go.mod,%,$(wildcard *broker/go.mod))

# The modules that export metrics.
EXPORTERS = pullotel pullprom

.PHONY: test test-exporters test-postgres test-redis test-nats test-sqlite check setup vet go client e2e engines exporters cluster fuzz lint bench bench-aims soak soak-short build screenshot release

test: export CI ?= true
test: setup vet go exporters client e2e engines cluster soak-short

check: vet go exporters client

setup:
	./scripts/setup

vet:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt-ed: $$unformatted"; exit 1; }
	for dir in $(PLUGINS); do \
		for os in '' darwin windows; do (cd $$dir && GOOS=$$os go vet ./...) || exit 1; done \
	done  # state files are locked in ways of their own on each system
	for dir in $(ENGINES); do (cd $$dir && go vet ./... && GOOS=darwin go vet ./... && GOOS=windows go build ./...) || exit 1; done
	cd bench && go vet ./... && go build -o /dev/null .
	for dir in $(EXPORTERS); do (cd $$dir && go vet ./... && GOWORK=off go build ./...) || exit 1; done  # as users build them
	cd example && go vet ./...
	cd e2e && go vet ./...
	cd cluster && go vet ./...

go:
	go test -race ./...
	go run ./scripts/port5 -race ./...  # the same tests against Echo v5, and its own
	go test -run Allocate . && go run ./scripts/port5 -run Allocate .  # the race detector makes pools forget
	cd bench && go test -race ./...
	cd example && go test -race ./...

exporters:
	for dir in $(EXPORTERS); do (cd $$dir && go test -race ./...) || exit 1; done

test-exporters: export CI ?= true
test-exporters:
	./scripts/setup prometheus
	$(MAKE) exporters

# The logs on engines come last, one after another: they keep the disk busy.
engines: $(ENGINES:%=engine-%)

engine-%:
	cd $* && go test -race -count=1 -parallel 4 ./...  # most of them wait most of the time

test-postgres test-redis test-nats test-sqlite: export CI ?= true
test-postgres:
	./scripts/setup postgres
	$(MAKE) engine-pgbroker
test-redis:
	./scripts/setup redis
	$(MAKE) engine-redisbroker
test-nats: engine-natsbroker
test-sqlite: engine-sqlitebroker

# Several nodes on the logs on engines, and the model on each. Measure with, for example,
# -run TestCluster -cluster.long 1m, without -race.
cluster:
	cd cluster && go test -race -count=1 ./...

client: client/node_modules
	cd client && npm run --silent types && npm test --silent && npm run --silent check && npm run --silent test:pack

%/node_modules: %/package-lock.json
	cd $* && npm ci --silent --no-audit --no-fund
	touch $@

# The recipe has a copy of the client.
example/react/node_modules: $(wildcard client/package.json client/*.d.ts client/src/*.js)

e2e: e2e/node_modules client/node_modules example/react/node_modules
	cd e2e && go test -race -count=1 -timeout 25m ./...

# Each fuzz test for a little while.
fuzz:
	for dir in . $(ENGINES) $(EXPORTERS); do (cd $$dir && for p in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$p | grep ^Fuzz); do go test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s $$p || exit 1; done \
	done) || exit 1; done

lint:
	config=$$PWD/.golangci.yml; for dir in $(PLUGINS) $(ENGINES) $(EXPORTERS) bench cluster e2e example; do (cd $$dir && go run $(LINT) run -c $$config ./...) || exit 1; done

bench bench-aims soak soak-short:
	$(MAKE) -C bench $@

build: client/node_modules
	cd client && npm run build

screenshot:
	cd e2e && go test -count=1 -run 'TestScreenshot|TestPicture' -screenshot ../docs/example.png -inspector ../docs/inspector.png .

release:
	./scripts/release '$(VERSION)' '$(V5)'

# The commands of the README. Each works on a fresh machine with Rust, Node and apt.
.PHONY: demo build test bench torture check

demo: ## everything, on loopback, with a simulated cluster; prints one URL and the log-in; Ctrl-C stops it
	@exec deploy/demo.sh

build: ## release binaries and dashboard/dist; starts nothing
	@exec deploy/build.sh

test: ## formats, lints, all tests; browser tests included
	@exec tests/run.sh

bench: ## the benches, with a table of results
	@exec tests/bench.sh

torture: ## the kill -9 loop over every step of an action, 2,000 runs
	@cargo test --locked --workspace --tests --no-run
	@KILL_RUNS=$${KILL_RUNS:-2000} cargo test --locked --workspace --test e2e -- --nocapture i07_i08

check: ## what is quick: formats, lints, unit tests
	@exec tests/run.sh quick

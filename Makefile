# build, check, demo, bench, install; `make help` lists them.
PREFIX  = /usr/local
DESTDIR =
CARGO   = cargo

build:
	$(CARGO) build --release --locked --workspace

check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	$(CARGO) test --locked --workspace

.PHONY: build check

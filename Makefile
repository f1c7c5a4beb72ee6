# The commands of the README. `make help` lists them.

PREFIX  = /usr/local
DESTDIR =
CARGO   = cargo
# For a package's build, which has no network: CARGOFLAGS=--frozen.
CARGOFLAGS = --locked
# `make demo PACKAGE=lxml==6.0.2` builds a package from PyPI instead of the sample.
PACKAGE =
# `make release VERSION=0.2.0`.
VERSION =
# `make deny CHECKS='bans licenses sources'` needs no network.
CHECKS =
# How long `make fuzz` runs each target, in seconds.
SECONDS_EACH = 10

BINDIR  = $(DESTDIR)$(PREFIX)/bin
MANDIR  = $(DESTDIR)$(PREFIX)/share/man
DATADIR = $(DESTDIR)$(PREFIX)/share
BASHDIR = $(DATADIR)/bash-completion/completions
ZSHDIR  = $(DATADIR)/zsh/site-functions
FISHDIR = $(DATADIR)/fish/vendor_completions.d
# py-exec looks for scripts and configuration in these directories. For the same defaults in the programs, set
# PY_EXEC_SCRIPTROOT and PY_EXEC_SYSCONFDIR in the environment of `make build`.
SCRIPTROOT = $(PREFIX)/lib/python-exec
SYSCONFDIR = /etc
TARGET  = $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
RELEASE = $(TARGET)/release

TOOLS    = py-foreach img-merge py-wrapper
PAGES    = $(wildcard man/*.1 man/*.7)
SCRIPTS  = $(shell cat tests/shell-scripts)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 18

build: ## build the programs in release mode
	./setup build
	$(MAKE) programs

# py-exec starts before every script. The installed one is static and has no std and no unwinding; where its
# processor is known it has no libc either.
programs:
	$(CARGO) build $(CARGOFLAGS) --release --workspace --bins
	$(CARGO) build $(CARGOFLAGS) --profile dispatcher --package py-exec --features bare

demo: build ## build, wrap and merge a package for every Python here; PACKAGE=NAME==VERSION takes it from PyPI
	./setup demo '$(PACKAGE)'
	examples/demo "$(RELEASE)" '$(PACKAGE)'

check: ## run every test and lint, as CI does
	./setup check
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps
	mandoc -Tlint -Wwarning $(PAGES)
	shellcheck $(SCRIPTS)
	tests/run

msrv: ## lint with the oldest Rust that this project supports
	tests/msrv

deny: ## check licences, advisories and sources of the dependencies; CHECKS=… chooses
	@$(CARGO) deny --version >/dev/null 2>&1 || \
		{ echo 'make deny: cargo-deny is missing; run: cargo install cargo-deny --locked' >&2; exit 1; }
	$(CARGO) deny --locked check $(CHECKS)

fuzz: ## fuzz each parser for a short time; SECONDS_EACH=600 takes longer
	fuzz/run $(SECONDS_EACH)

size: ## count the lines of code; name the longest files and functions
	@tests/size

prove: ## run the long proofs of img-merge: 200 runs at once, 200 kills, 200 random trees
	./setup check
	IMG_MERGE_RUNS=200 IMG_MERGE_KILLS=200 IMG_MERGE_CASES=200 tests/run --package img-merge

bench: build ## measure against the tools that people use today; print ratios
	./setup bench
	$(MAKE) through-libc
	bench/all

# The py-exec for processors that it does not know; the bench measures it beside the installed one.
through-libc:
	$(CARGO) build $(CARGOFLAGS) --profile dispatcher --package py-exec --features through-libc \
		--target-dir target/through-libc

# It installs what `make build` built and builds nothing, so `sudo make install` needs no cargo.
install: ## install the programs, man pages, completions and the shell side after `make build`
	install -d "$(BINDIR)" "$(MANDIR)/man1" "$(MANDIR)/man7" "$(DATADIR)/py-multibuild" \
		"$(BASHDIR)" "$(ZSHDIR)" "$(FISHDIR)" "$(DESTDIR)$(SCRIPTROOT)"
	for tool in $(TOOLS:%=release/%) dispatcher/py-exec; do \
		install -m 755 "$(TARGET)/$$tool" "$(BINDIR)" || exit; \
	done
	sed 's|@PROGRAM@|$(PREFIX)/bin/py-exec|; s|@ROOT@|$(SCRIPTROOT)|; s|@ETC@|$(SYSCONFDIR)|; s|@NEAR@|../lib/python-exec|' \
		py-wrapper/src/texts/py-exec2.in py-wrapper/src/texts/python.in \
		> "$(DESTDIR)$(SCRIPTROOT)/py-exec2"
	chmod 755 "$(DESTDIR)$(SCRIPTROOT)/py-exec2"
	install -m 644 man/*.1 "$(MANDIR)/man1"
	install -m 644 man/*.7 "$(MANDIR)/man7"
	install -m 644 eclass/* "$(DATADIR)/py-multibuild"
	umask 022; for tool in $(TOOLS); do \
		"$(RELEASE)/$$tool" --completion bash > "$(BASHDIR)/$$tool" && \
		"$(RELEASE)/$$tool" --completion zsh > "$(ZSHDIR)/_$$tool" && \
		"$(RELEASE)/$$tool" --completion fish > "$(FISHDIR)/$$tool.fish" \
		|| exit; \
	done

uninstall: ## remove what `make install` installed; give it the same PREFIX and DESTDIR
	for tool in $(TOOLS); do \
		rm -f "$(BINDIR)/$$tool" "$(BASHDIR)/$$tool" "$(ZSHDIR)/_$$tool" "$(FISHDIR)/$$tool.fish" || exit; \
	done
	for page in $(notdir $(PAGES)); do rm -f "$(MANDIR)/man$${page##*.}/$$page" || exit; done
	rm -f "$(BINDIR)/py-exec" "$(DESTDIR)$(SCRIPTROOT)/py-exec2" "$(DATADIR)/py-multibuild/"*
	for directory in "$(DESTDIR)$(SCRIPTROOT)" "$(DATADIR)/py-multibuild"; do \
		[ ! -d "$$directory" ] || rmdir --ignore-fail-on-non-empty "$$directory" || exit; \
	done

dist: ## write dist/py-multibuild-VERSION.tar.xz, which builds without a network
	packaging/dist dist

check-packaging: ## build, install, try and remove the Gentoo and the Debian package
	./setup packaging
	packaging/check

release: ## set the version and the changelog, commit, tag: VERSION=X.Y.Z
	packaging/release '$(VERSION)'

newcomer: ## try `make demo` and `make check` in bare Debians, as root and as two users; needs root
	./setup newcomer
	tests/newcomer

clean: ## remove what was built
	$(CARGO) clean
	rm -rf bench/work dist fuzz/target

.PHONY: help build programs through-libc demo check msrv deny fuzz size prove bench install uninstall dist \
	check-packaging newcomer release clean

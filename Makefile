# The commands of the README. `make help` lists them.

PREFIX  = /usr/local
DESTDIR =
CARGO   = cargo
# A package's build without a network: CARGOFLAGS=--frozen.
CARGOFLAGS = --locked
# `make demo PACKAGE=lxml==6.0.2` builds a package from PyPI instead of the sample.
PACKAGE =

BINDIR  = $(DESTDIR)$(PREFIX)/bin
MANDIR  = $(DESTDIR)$(PREFIX)/share/man
DATADIR = $(DESTDIR)$(PREFIX)/share
# Where py-exec looks for scripts and configuration; `make build` with PY_EXEC_SCRIPTROOT and
# PY_EXEC_SYSCONFDIR in the environment sets the same as the programs' own defaults.
SCRIPTROOT = $(PREFIX)/lib/python-exec
SYSCONFDIR = /etc
RELEASE = target/release

TOOLS    = py-foreach img-merge py-wrapper
PAGES    = $(wildcard man/*.1 man/*.7)
SCRIPTS  = $(shell cat tests/shell-scripts)

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 18

build: ## build the programs into target/release
	./setup build
	$(MAKE) programs

# py-exec starts before every script: the one that is installed is static, without std and unwinding, and also
# without libc where that can be done.
programs:
	$(CARGO) build $(CARGOFLAGS) --release --workspace --bins
	$(CARGO) build $(CARGOFLAGS) --profile dispatcher --package py-exec --features bare

demo: build ## build, wrap and merge a package for every Python here; PACKAGE=NAME==VERSION from PyPI
	./setup demo '$(PACKAGE)'
	examples/demo $(RELEASE) '$(PACKAGE)'

check: ## run every test and lint
	./setup check
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	mandoc -Tlint -Wwarning $(PAGES)
	shellcheck $(SCRIPTS)
	tests/run

size: ## print how much code there is to read, and what is longest
	@tests/size

prove: ## the long proofs of img-merge: 200 runs at once, 200 kills, 200 random trees
	./setup check
	IMG_MERGE_RUNS=200 IMG_MERGE_KILLS=200 IMG_MERGE_CASES=200 tests/run --package img-merge

bench: build ## compare with the tools people use today; prints ratios
	./setup bench
	$(MAKE) through-libc
	bench/all

# py-exec as processors get it that it does not know: measured beside the one that is installed.
through-libc:
	$(CARGO) build $(CARGOFLAGS) --profile dispatcher --package py-exec --features through-libc \
		--target-dir target/through-libc

# Installs what `make build` built; it builds nothing itself, so that `sudo make install` needs no cargo.
install: ## install the programs, man pages, completions and the shell side
	install -d "$(BINDIR)" "$(MANDIR)/man1" "$(MANDIR)/man7" "$(DATADIR)/py-multibuild"
	install -m 755 $(TOOLS:%=$(RELEASE)/%) target/dispatcher/py-exec "$(BINDIR)"
	install -d "$(DESTDIR)$(SCRIPTROOT)"
	sed 's|@PROGRAM@|$(PREFIX)/bin/py-exec|; s|@ROOT@|$(SCRIPTROOT)|; s|@ETC@|$(SYSCONFDIR)|; s|@NEAR@|../lib/python-exec|' \
		py-wrapper/src/texts/py-exec2.in py-wrapper/src/texts/python.in \
		> "$(DESTDIR)$(SCRIPTROOT)/py-exec2"
	chmod 755 "$(DESTDIR)$(SCRIPTROOT)/py-exec2"
	install -m 644 man/*.1 "$(MANDIR)/man1"
	install -m 644 man/*.7 "$(MANDIR)/man7"
	install -m 644 eclass/* "$(DATADIR)/py-multibuild"
	install -d "$(DATADIR)/bash-completion/completions" "$(DATADIR)/zsh/site-functions" \
		"$(DATADIR)/fish/vendor_completions.d"
	for tool in $(TOOLS); do \
		$(RELEASE)/$$tool --completion bash > "$(DATADIR)/bash-completion/completions/$$tool" && \
		$(RELEASE)/$$tool --completion zsh > "$(DATADIR)/zsh/site-functions/_$$tool" && \
		$(RELEASE)/$$tool --completion fish > "$(DATADIR)/fish/vendor_completions.d/$$tool.fish" \
		|| exit; \
	done

dist: ## write dist/py-multibuild-VERSION.tar.xz, which builds without a network
	packaging/dist dist

check-packaging: ## build, install, try and remove the Gentoo and the Debian package
	./setup packaging
	packaging/check

clean: ## remove what was built
	$(CARGO) clean
	rm -rf bench/work dist

.PHONY: help build programs through-libc demo check size prove bench install dist check-packaging clean

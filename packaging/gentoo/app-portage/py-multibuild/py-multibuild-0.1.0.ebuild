# Copyright The py-multibuild developers
# Distributed under the terms of the MIT license or of the Apache License 2.0, as you like
# shellcheck shell=bash disable=SC2034

EAPI=8

DESCRIPTION="Builds one Python package for every Python at once"
# example.org stands for where the distributor keeps the project; its own address belongs here and below.
HOMEPAGE="https://example.org/"
# What "make dist" writes; the crates are in it.
SRC_URI="${HOMEPAGE}${P}.tar.xz"

LICENSE="|| ( MIT Apache-2.0 )"
# Those of the crates that end in the programs.
LICENSE+=" MIT || ( MIT Unlicense )"
SLOT="0"
KEYWORDS="~amd64 ~arm64"
# The tests install Portage and interpreters of their own from the network.
RESTRICT="test"

BDEPEND="|| ( >=dev-lang/rust-1.85 >=dev-lang/rust-bin-1.85 )"
RDEPEND="app-shells/bash"

QA_FLAGS_IGNORED="usr/bin/.*"
# cargo strips them itself.
QA_PRESTRIPPED="usr/bin/.*"

src_compile() {
	# Where the dispatcher looks, also in a prefix.
	local -x PY_EXEC_SCRIPTROOT="${EPREFIX}/usr/lib/python-exec"
	local -x PY_EXEC_SYSCONFDIR="${EPREFIX}/etc"
	# Within what Portage gives: no network, and its own jobserver where there is one.
	local -x CARGO_HOME="${T}/cargo"
	emake programs CARGOFLAGS=--frozen
}

src_install() {
	emake DESTDIR="${D}" PREFIX="${EPREFIX}/usr" SYSCONFDIR="${EPREFIX}/etc" install
	einstalldocs
}

pkg_postinst() {
	elog "To build existing ebuilds for all their Pythons at once, add this line to"
	elog "${EROOT}/etc/portage/bashrc:"
	elog "    source ${EPREFIX}/usr/share/py-multibuild/bashrc"
	elog "See py-multibuild(7)."
}

# shellcheck shell=bash disable=SC2034,SC2153
EAPI=8

DISTUTILS_EXT=1
inherit distutils-r1

DESCRIPTION="An extension, a module, a script and a data file, built by an unchanged eclass"
HOMEPAGE="https://example.org/"
LICENSE="MIT"
SLOT="0"
KEYWORDS="amd64"

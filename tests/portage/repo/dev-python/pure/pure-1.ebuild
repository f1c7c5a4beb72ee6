# shellcheck shell=bash disable=SC2034,SC2153
EAPI=8

inherit distutils-r1

DESCRIPTION="A module, a script and a data file, built by an unchanged eclass"
HOMEPAGE="https://example.org/"
LICENSE="MIT"
SLOT="0"
KEYWORDS="amd64"

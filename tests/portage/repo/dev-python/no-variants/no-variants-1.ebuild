# shellcheck shell=bash disable=SC2034,SC2153
EAPI=8

inherit py-multibuild

DESCRIPTION="Has no variants"
HOMEPAGE="https://example.org/"
LICENSE="MIT"
SLOT="0"
KEYWORDS="amd64"

src_unpack() {
	mkdir -p "${S}" || die
}

src_compile() {
	multibuild_foreach_variant true
}

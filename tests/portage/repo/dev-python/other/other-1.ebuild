# shellcheck shell=bash disable=SC2034,SC2153
EAPI=8

inherit multibuild

DESCRIPTION="Builds variants that are no Pythons"
HOMEPAGE="https://example.org/"
LICENSE="MIT"
SLOT="0"
KEYWORDS="amd64"

src_unpack() {
	mkdir -p "${S}" || die
}

src_compile() {
	local MULTIBUILD_VARIANTS=( abi_x86_32.x86 abi_x86_64.amd64 )
	multibuild_foreach_variant one_after_another
	echo "seen:${SEEN}"
}

one_after_another() {
	SEEN+=" ${MULTIBUILD_VARIANT}"
}

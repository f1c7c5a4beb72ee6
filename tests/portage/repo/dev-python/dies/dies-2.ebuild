# shellcheck shell=bash disable=SC2034,SC2153
EAPI=8

inherit py-multibuild python-r1

DESCRIPTION="Dies without a word for the second Python"
HOMEPAGE="https://example.org/"
LICENSE="MIT"
SLOT="0"
KEYWORDS="amd64"

src_unpack() {
	mkdir -p "${S}" || die
}

src_compile() {
	python_foreach_impl python_compile
}

python_compile() {
	[[ ${MULTIBUILD_VARIANT} != "${MULTIBUILD_VARIANTS[1]}" ]] || die
}

# shellcheck shell=bash disable=SC2034,SC2153
EAPI=7

inherit py-multibuild python-r1

DESCRIPTION="A helper program of Portage dies for the second Python"
HOMEPAGE="https://example.org/"
LICENSE="MIT"
SLOT="0"
KEYWORDS="amd64"

src_unpack() {
	mkdir -p "${S}" || die
	printf 'all:\n\t@echo making; exit 1\n' > "${S}/Makefile" || die
}

src_compile() {
	python_foreach_impl python_compile
	echo "nobody comes here"
}

python_compile() {
	[[ ${MULTIBUILD_VARIANT} == "${MULTIBUILD_VARIANTS[1]}" ]] && emake
	echo "done with ${EPYTHON}"
}

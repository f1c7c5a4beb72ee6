# shellcheck shell=bash disable=SC2034,SC2153
EAPI=8

inherit py-multibuild python-r1

DESCRIPTION="Installs one path with a content for each Python"
HOMEPAGE="https://example.org/"
LICENSE="MIT"
SLOT="0"
KEYWORDS="amd64"

src_unpack() {
	mkdir -p "${S}" || die
}

src_install() {
	python_foreach_impl python_install
}

python_install() {
	local root=${BUILD_DIR}/install
	mkdir -p "${root}${EPREFIX}/usr/share/conflicts" || die
	echo "${EPYTHON}" > "${root}${EPREFIX}/usr/share/conflicts/differs" || die
	echo same > "${root}${EPREFIX}/usr/share/conflicts/same" || die
	multibuild_merge_root "${root}" "${D}"
	[[ ! -e ${root} ]] || die "the source root is still there"
}

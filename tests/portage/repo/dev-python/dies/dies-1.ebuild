# shellcheck shell=bash disable=SC2034,SC2153
EAPI=8

inherit py-multibuild python-r1

DESCRIPTION="Dies for the second and the last Python, for the last one first"
HOMEPAGE="https://example.org/"
LICENSE="MIT"
SLOT="0"
KEYWORDS="amd64"

src_unpack() {
	mkdir -p "${S}" || die
	mkfifo "${T}/last-has-failed" || die
}

src_compile() {
	python_foreach_impl python_compile
	echo "nobody comes here"
}

python_compile() {
	echo "compiling for ${EPYTHON}"
	case ${MULTIBUILD_VARIANT} in
		"${MULTIBUILD_VARIANTS[1]}")
			read -r < "${T}/last-has-failed"
			break_down "with words"
			;;
		"${MULTIBUILD_VARIANTS[-1]}")
			echo > "${T}/last-has-failed"
			die "the last one"
			;;
	esac
	echo "done with ${EPYTHON}"
}

break_down() {
	die "${EPYTHON} broke down ${1}"
}

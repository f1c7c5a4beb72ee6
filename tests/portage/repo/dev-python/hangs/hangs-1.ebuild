# shellcheck shell=bash disable=SC2034,SC2153
EAPI=8

inherit py-multibuild python-r1

DESCRIPTION="Does not end by itself"
HOMEPAGE="https://example.org/"
LICENSE="MIT"
SLOT="0"
KEYWORDS="amd64"

src_unpack() {
	mkdir -p "${S}" || die
	mkfifo "${T}/never" || die
	prepare_to_meet
}

src_compile() {
	python_foreach_impl python_compile
}

python_compile() {
	meet_the_others
	: > "${T}/${EPYTHON}-hangs" || die
	# A process that left its group is one of the job's all the same.
	# shellcheck disable=SC2016
	setsid sh -c 'read -r line < "$1"' - "${T}/never"
}

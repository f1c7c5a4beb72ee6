# shellcheck shell=bash disable=SC2034,SC2153
EAPI=8

inherit py-multibuild python-r1

DESCRIPTION="Assigns variables in its jobs"
HOMEPAGE="https://example.org/"
LICENSE="MIT"
SLOT="0"
KEYWORDS="amd64"

PY_MULTIBUILD_EXPORT="SCALAR LIST MAP NEW_MAP"
SCALAR=before
LIST=( before )
declare -A MAP=( [before]=1 )

src_unpack() {
	mkdir -p "${S}" || die
}

src_compile() {
	prepare_to_meet
	python_foreach_impl python_compile
	echo "scalar: ${SCALAR}"
	echo "list: ${LIST[*]}"
	echo "map: $(printf '%s\n' "${!MAP[@]}" | sort | tr '\n' ' ')"
	echo "new map: $(printf '%s\n' "${!NEW_MAP[@]}" | sort | tr '\n' ' ')"
	echo "predicted: ${SANDBOX_PREDICT##*/}"
	echo "forgotten: ${FORGOTTEN-unset}"
	echo "variant: ${MULTIBUILD_VARIANT-unset} ${MULTIBUILD_ID-unset} ${BUILD_DIR-unset}"
}

python_compile() {
	meet_the_others
	SCALAR="from ${EPYTHON} with \"quotes\" and
a line"
	LIST+=( "${EPYTHON}" )
	MAP[${EPYTHON}]=${PWD}
	declare -g -A NEW_MAP
	NEW_MAP[${EPYTHON}]=1
	FORGOTTEN=${EPYTHON}
	addpredict "/dev/${EPYTHON}"
}

python_install() {
	echo "in order: ${SEEN} then ${EPYTHON}"
	SEEN+=" ${EPYTHON}"
	docompress -x "/usr/share/${EPYTHON}"
}

src_install() {
	python_foreach_impl python_install
	echo "seen:${SEEN}; skipped ${#PORTAGE_DOCOMPRESS_SKIP[@]}"
}

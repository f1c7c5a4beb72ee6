# A stand-in for Gentoo's eclass of this name: its contract in plain bash, one variant after another.
# What the tests compare py-multibuild.eclass with.
# shellcheck shell=bash

if [[ -z ${_MULTIBUILD_ECLASS} ]]; then
_MULTIBUILD_ECLASS=1

multibuild_foreach_variant() {
	[[ ${MULTIBUILD_VARIANTS[*]} ]] || die "MULTIBUILD_VARIANTS need to be set"
	local base=${BUILD_DIR:-${S}} outer=${MULTIBUILD_ID:+${MULTIBUILD_ID}-} status=0 last variant
	[[ ${base%/} == "${WORKDIR%/}" ]] && base=${WORKDIR}/build
	for variant in "${MULTIBUILD_VARIANTS[@]}"; do
		local MULTIBUILD_VARIANT=${variant} MULTIBUILD_ID=${outer}${variant} BUILD_DIR=${base%/}-${variant}
		_multibuild_announce_and_run "${@}" > >(exec tee -a "${T}/build-${MULTIBUILD_ID}.log") 2>&1
		last=${?}
		[[ ${status} -ne 0 ]] || status=${last}
	done
	return "${status}"
}

_multibuild_announce_and_run() {
	local words=( "${@}" )
	while [[ ${words[0]} == _* ]]; do
		words=( "${words[@]:1}" )
	done
	[[ ${#words[@]} -eq 0 ]] || einfo "${MULTIBUILD_VARIANT}: running ${words[*]}"
	"${@}"
}

multibuild_merge_root() {
	cp -a "${1}"/. "${2}"/ || die "${MULTIBUILD_VARIANT:-(unknown)}: merging image failed"
	rm -rf "${1}" || die
}

fi

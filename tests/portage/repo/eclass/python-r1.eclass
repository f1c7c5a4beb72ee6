# A stand-in for Gentoo's eclass of this name: a function for each of PYTHON_TARGETS.
# shellcheck shell=bash disable=SC2153

if [[ -z ${_PYTHON_R1_ECLASS} ]]; then
_PYTHON_R1_ECLASS=1

# An ebuild that has inherited py-multibuild before this has these functions from there.
[[ ${_PY_MULTIBUILD_ECLASS} ]] || inherit multibuild

IUSE="python_targets_python3_8 python_targets_python3_9 python_targets_python3_10"
IUSE+=" python_targets_python3_11 python_targets_python3_12 python_targets_python3_13"

python_foreach_impl() {
	local MULTIBUILD_VARIANTS=() implementation
	for implementation in python3_{8..13}; do
		use "python_targets_${implementation}" && MULTIBUILD_VARIANTS+=( "${implementation}" )
	done
	multibuild_foreach_variant _python_multibuild_wrapper "${@}"
}

_python_multibuild_wrapper() {
	local -x EPYTHON=${MULTIBUILD_VARIANT/_/.}
	local -x PYTHON=${EPREFIX}/usr/bin/${EPYTHON}
	local -x PATH=${T}/${EPYTHON}/bin:${PATH}
	"${@}"
}

python_get_sitedir() {
	"${PYTHON}" - "${EPREFIX}/usr" <<-E || die
		import sys, sysconfig
		print(sysconfig.get_path("platlib", "posix_prefix", vars={"platbase": sys.argv[1]}))
	E
}

# What every variant reads is written by the one before it; the last one reads it first.  Run one
# after another this cannot end, so it shows that all run at once.  Takes the word that the pipes were
# prepared with: each serves one meeting, as whoever opens it again may meet the writer of the last one.
meet_the_others() {
	local variants=( "${MULTIBUILD_VARIANTS[@]}" ) i next
	for i in "${!variants[@]}"; do
		[[ ${variants[i]} == "${MULTIBUILD_VARIANT}" ]] && break
	done
	next=${variants[(i + 1) % ${#variants[@]}]}
	# The shells that open the pipes have words of their own.
	# shellcheck disable=SC2016
	if [[ ${i} -eq 0 ]]; then
		timeout 60 sh -c 'echo > "$1"; read -r _ < "$2"' - "${T}/meet${1}-${next}" "${T}/meet${1}-${variants[i]}"
	else
		timeout 60 sh -c 'read -r _ < "$2"; echo > "$1"' - "${T}/meet${1}-${next}" "${T}/meet${1}-${variants[i]}"
	fi || die "the other variants did not come"
}

prepare_to_meet() {
	local implementation
	for implementation in python3_{8..13}; do
		mkfifo "${T}/meet${1}-${implementation}" || die
	done
}

fi

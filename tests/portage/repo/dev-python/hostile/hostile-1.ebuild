# shellcheck shell=bash disable=SC2034,SC2153,SC2317
EAPI=8

inherit py-multibuild

DESCRIPTION="Hands functions over from shells in an unusual state"
HOMEPAGE="https://example.org/"
LICENSE="MIT"
SLOT="0"
KEYWORDS="amd64"

# A variable of the ebuild that has the name of one which py-foreach sets for its jobs.
: "${NINJA:=samu}"
FIXED=$'a line\nanother'
FIXED_LIST=( one $'t w\to' )

src_unpack() {
	mkdir -p "${S}" || die
	echo beside > "${WORKDIR}/beside" || die
}

# Some builds read what an earlier phase has configured for the user that it runs as.
src_configure() {
	mkdir -p "${HOME}"/.config/sample "${HOME}"/.cache || die
	echo configured > "${HOME}"/.config/sample/settings || die
	echo cached > "${HOME}"/.cache/sample || die
}

src_compile() {
	local MULTIBUILD_VARIANTS=( left right.x86 )
	unusual_words
	unusual_options
	unusual_shells
	unusual_names
	unusual_variants
	unusual_place
	nonfatal multibuild_foreach_variant dies_softly
	local status=${?}
	multibuild_foreach_variant look_home
	echo "went on with ${status}, ran here: ${RAN_HERE-no}"
}

# No word of the hand-over may depend on what splits words here.
unusual_words() {
	local separators=( : ',' f $'\n' '' ) IFS
	for IFS in "${separators[@]}"; do
		multibuild_foreach_variant tell "a b" "" -n $'c:d\n*'
	done
}

tell() {
	printf '<%s> ' "${#}" "${@}"
	printf '%q\n' "${IFS}"
}

# Neither may what globs match, what echo makes of a backslash and what counts as equal.
unusual_options() {
	local HOMES="a variable" path="lower case" tmp="another"
	set -f
	multibuild_foreach_variant look '*'
	set +f
	shopt -s nocasematch
	multibuild_foreach_variant look case
	shopt -u nocasematch
	shopt -s xpg_echo
	multibuild_foreach_variant look $'back\\nslash'
	shopt -u xpg_echo
	shopt -s failglob dotglob
	multibuild_foreach_variant look glob
	shopt -u failglob dotglob
}

# Nor what kind of bash this is, and nothing of the hand-over may look like a failure here.
unusual_shells() {
	set +B
	multibuild_foreach_variant look braces
	set -B -o posix
	multibuild_foreach_variant look posix
	set +o posix
	trap 'printf "a command failed: %s\n" "${BASH_COMMAND}"' ERR
	multibuild_foreach_variant look trap
	trap - ERR
	set -e
	multibuild_foreach_variant look failures
	set +e
	echo() { builtin echo "of the ebuild's own:" "${@}"; }
	multibuild_foreach_variant look echo
	unset -f echo
}

look() {
	printf '%s sees' "${MULTIBUILD_VARIANT}"
	printf ' <%s>' "${HOMES}" "${path}" "${tmp}" "${1}" "${-//[!f]/}" "$(cat ../beside)"
	printf ' %s\n' ../hostile*/
}

# Of multiprocessing.eclass, which says what of MAKEOPTS and MAKEFLAGS ninja is to have.
get_makeopts_loadavg() {
	echo 7
}

unusual_names() {
	local target="of a reference"
	local -n reference=target
	local -i number=3
	local -l lower=LOWER
	local -a empty=()
	local -r NEVER_AGAIN="read only"
	# Not bash's own, for all that their names begin like those.
	local BASHCOMPDIR="completions" COMP_FLAGS="compiler" EPOCH="1:" BASH_IT="a name"
	local declared
	readonly FIXED FIXED_LIST
	multibuild_foreach_variant name
}

name() {
	local -i sum=number+4
	printf '%s has' "${MULTIBUILD_VARIANT}"
	printf ' <%s>' "${reference}" "${sum}" "${lower}" "${#empty[@]}" "${FIXED}" "${FIXED_LIST[@]}" \
		"${NEVER_AGAIN}" "${declared-unset}" "${NINJA}" \
		"${BASHCOMPDIR}" "${COMP_FLAGS}" "${EPOCH}" "${BASH_IT}"
	printf '\n'
	RAN_HERE=yes
	echo "${NINJAOPTS-unset}" > "${T}/ninja-${MULTIBUILD_VARIANT}" || die
}

# Variants may be any words, also such as are no list for py-foreach.
unusual_variants() {
	local MULTIBUILD_VARIANTS=( 'a,b' 'c d' )
	multibuild_foreach_variant tell variant
	MULTIBUILD_VARIANTS=( same same )
	multibuild_foreach_variant tell variant
}

# Nor need the build directory lie in WORKDIR, and an ebuild may say itself what ninja is to have.
unusual_place() {
	local BUILD_DIR=${T}/outside NINJAOPTS="-v -d stats"
	multibuild_foreach_variant place
}

place() {
	echo "in ${BUILD_DIR#"${T}"}, which is below ${WORKDIR##*/}'s sibling, with ${NINJAOPTS}"
}

dies_softly() {
	if [[ ${MULTIBUILD_VARIANT} == left ]]; then
		die -n "softly"
		return 5
	fi
	echo "well"
}

look_home() {
	cat ~/.config/sample/settings "${XDG_CACHE_HOME:-${HOME}/.cache}/sample"
}

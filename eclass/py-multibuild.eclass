# Copyright The py-multibuild developers
# Distributed under the terms of the MIT license or of the Apache License 2.0, as you like
# shellcheck shell=bash
# PY_MULTIBUILD_* are the ebuild's or the user's, _PY_MULTIBUILD_* are ours.
# shellcheck disable=SC2153

# @ECLASS: py-multibuild.eclass
# @MAINTAINER:
# The py-multibuild developers
# @SUPPORTED_EAPIS: 7 8 9
# @BLURB: Runs a function for every variant of a package, compile phases at once
# @DESCRIPTION:
# The functions of multibuild.eclass with the contracts that other eclasses
# rely on, carried out by py-foreach(1), img-merge(1) and py-wrapper(1).
#
# The functions handed in are shell functions.  They see the caller's
# variables, arrays, functions and working directory, and may die.
#
# The compile phase runs all variants at once.  Each variant is then a
# process of its own without the ebuild's traps, so what a function assigns is
# gone when it returns, but for the names in PY_MULTIBUILD_EXPORT; what it says
# with elog is reported in the order of the variants.  All variants but the last work in a
# copy of the source tree, because builds write into it; what they added is
# in ${S} when the phase is done.  Every other phase runs one variant after
# another in the ebuild's own shell.  See py-multibuild(7).

case ${EAPI} in
	7|8|9) ;;
	*) die "${ECLASS}: EAPI ${EAPI:-0} not supported" ;;
esac

if [[ -z ${_PY_MULTIBUILD_ECLASS} ]]; then
_PY_MULTIBUILD_ECLASS=1

# @ECLASS_VARIABLE: MULTIBUILD_VARIANTS
# @REQUIRED
# @DESCRIPTION:
# An array of the variants, opaque words, least preferred first.  Set it
# locally in a function, so that calls can be nested.

# @ECLASS_VARIABLE: MULTIBUILD_VARIANT
# @OUTPUT_VARIABLE
# @DESCRIPTION:
# The variant that the function runs for.

# @ECLASS_VARIABLE: MULTIBUILD_ID
# @OUTPUT_VARIABLE
# @DESCRIPTION:
# The variant, and before it those of the calls around this one, joined by
# '-'.  Good for names of files that must not meet.

# @ECLASS_VARIABLE: BUILD_DIR
# @OUTPUT_VARIABLE
# @DEFAULT_UNSET
# @DESCRIPTION:
# The build directory of the variant, which is the caller's BUILD_DIR (or
# ${S}), '-' and the variant.

# @ECLASS_VARIABLE: MULTIBUILD_JOBS
# @USER_VARIABLE
# @DEFAULT_UNSET
# @DESCRIPTION:
# At most this many variants at once.  How many compilers run at once is said
# by MAKEOPTS, or by the jobserver in MAKEFLAGS.

# @ECLASS_VARIABLE: PY_MULTIBUILD_SERIAL
# @DEFAULT_UNSET
# @DESCRIPTION:
# Phases ('compile') and functions ('python_compile') which are to run one
# variant after another all the same.

# @ECLASS_VARIABLE: PY_MULTIBUILD_EXPORT
# @DEFAULT_UNSET
# @DESCRIPTION:
# Names of variables that come back from variants which run at once, in the
# order of MULTIBUILD_VARIANTS: a scalar is the last one's, elements of arrays
# are added.  The names that distutils-r1 needs are known.

# The callers' IFS may be anything.
_PY_MULTIBUILD_IFS=$' \t\n'

# The version of the tools that these functions talk to.
_PY_MULTIBUILD_NEEDS=0.1.0

# What distutils-r1 writes for one variant and reads for the next, and Portage's addpredict and its like.
_PY_MULTIBUILD_EXPORT=(
	DISTUTILS_WHEELS DISTUTILS_WHEEL_PATH
	_DISTUTILS_WHL_INSTALLED _DISTUTILS_PREVIOUS_SITE _DISTUTILS_EXT_WARNED
	PORTAGE_DOCOMPRESS PORTAGE_DOCOMPRESS_SKIP PORTAGE_DOCOMPRESS_SIZE_LIMIT
	PORTAGE_DOSTRIP PORTAGE_DOSTRIP_SKIP
	SANDBOX_DENY SANDBOX_PREDICT SANDBOX_READ SANDBOX_WRITE
)

# @FUNCTION: multibuild_foreach_variant
# @USAGE: <function> [<args>...]
# @DESCRIPTION:
# Runs the function for each of MULTIBUILD_VARIANTS, with MULTIBUILD_VARIANT,
# MULTIBUILD_ID and BUILD_DIR set for it.  Its output is also appended to
# ${T}/build-${MULTIBUILD_ID}.log.
#
# All variants run, whatever becomes of one.  Returns the first status in the
# order of MULTIBUILD_VARIANTS that is not 0.  If a function dies, the ebuild
# dies with that message once the others are done.
multibuild_foreach_variant() {
	debug-print-function "${FUNCNAME[0]}" "${@}"

	[[ ${MULTIBUILD_VARIANTS[*]} ]] || die "MULTIBUILD_VARIANTS need to be set"

	local _pm_build_dir=${BUILD_DIR:-${S}}
	[[ ${_pm_build_dir%/} == "${WORKDIR%/}" ]] && _pm_build_dir=${WORKDIR}/build
	_pm_build_dir=${_pm_build_dir%/}

	if _py_multibuild_wants_all_at_once "${@}"; then
		_py_multibuild_all_at_once "${@}"
	else
		_py_multibuild_one_by_one "${@}"
	fi
}

# @FUNCTION: multibuild_for_best_variant
# @USAGE: <function> [<args>...]
# @DESCRIPTION:
# Like multibuild_foreach_variant for the last of MULTIBUILD_VARIANTS alone.
multibuild_for_best_variant() {
	debug-print-function "${FUNCNAME[0]}" "${@}"

	[[ ${MULTIBUILD_VARIANTS[*]} ]] || die "MULTIBUILD_VARIANTS need to be set"

	local MULTIBUILD_VARIANTS=( "${MULTIBUILD_VARIANTS[-1]}" )
	multibuild_foreach_variant "${@}"
}

# @FUNCTION: multibuild_copy_sources
# @DESCRIPTION:
# Copies BUILD_DIR (or ${S}) to the BUILD_DIR of each variant.
multibuild_copy_sources() {
	debug-print-function "${FUNCNAME[0]}" "${@}"

	local _MULTIBUILD_INITIAL_BUILD_DIR=${BUILD_DIR:-${S}}
	einfo "Will copy sources from ${_MULTIBUILD_INITIAL_BUILD_DIR}"
	multibuild_foreach_variant _multibuild_create_source_copy
}

_multibuild_create_source_copy() {
	einfo "${MULTIBUILD_VARIANT}: copying to ${BUILD_DIR}"
	cp -p -R --reflink=auto "${_MULTIBUILD_INITIAL_BUILD_DIR}" "${BUILD_DIR}" || die
}

# @FUNCTION: multibuild_merge_root
# @USAGE: <source-root> <destination-root>
# @DESCRIPTION:
# Moves what is in the source root into the destination root (both real paths,
# ${D} included) and removes the source root.  What is there already is
# replaced; a file that another variant left there with other content is named
# in a QA notice.
multibuild_merge_root() {
	debug-print-function "${FUNCNAME[0]}" "${@}"

	local src=${1} dest=${2} report
	_py_multibuild_needs_tool img-merge
	report=$(mktemp "${T}/py-multibuild-merge.XXXXXX") || die
	img-merge --quiet --method=move --on-conflict=replace --dir-metadata=image --json="${report}" \
		"${src}" "${dest}" || die "${MULTIBUILD_VARIANT:-(unknown)}: merging image failed"
	rm -rf "${src}" || die
	_py_multibuild_name_replaced "${report}" "${dest}"
	rm -f "${report}" || die
}

# @FUNCTION: py_wrap_scripts
# @USAGE: [<option of py-wrapper>...] <image>
# @DESCRIPTION:
# Moves the scripts of this implementation (EPYTHON) in the image to their
# place in /usr/lib/python-exec and puts wrappers where they were.  Call it
# before multibuild_merge_root.  --kind=link makes links to the dispatcher, as
# distutils-r1 does.
py_wrap_scripts() {
	debug-print-function "${FUNCNAME[0]}" "${@}"

	[[ ${EPYTHON} ]] || die "${FUNCNAME[0]}: EPYTHON needs to be set"
	_py_multibuild_needs_tool py-wrapper
	py-wrapper --quiet --impl="${EPYTHON}" --eprefix="${EPREFIX}" "${@}" \
		|| die "${EPYTHON}: wrapping scripts failed"
}

# Names what replaced another variant's file of other content, and notes whose everything is now.
# Takes img-merge's report and the destination.
_py_multibuild_name_replaced() {
	local ledger=${T}/py-multibuild-owners variant=${MULTIBUILD_VARIANT:-(unknown)} place=${2#"${D%/}"}
	local number=0 path owner replaced
	local -A owners=()
	mapfile -t replaced < <(_py_multibuild_reported replaced "${1}")
	if [[ ${#replaced[@]} -gt 0 && -e ${ledger} ]]; then
		while IFS=$'\t' read -r owner path; do
			(( number += 1 ))
			owners[${path}]="${number} ${owner}"
		done < "${ledger}"
	fi
	for path in "${replaced[@]}"; do
		path=${place%/}/${path}
		owner=$(_py_multibuild_owner "${path}")
		[[ ${owner} && ${owner} != "${variant}" ]] &&
			eqawarn "QA Notice: ${path} of ${variant} replaces that of ${owner}, which is different"
	done
	while IFS= read -r path; do
		printf '%s\t%s\n' "${variant}" "${place%/}/${path}"
	done < <(_py_multibuild_reported 'brought\|replaced' "${1}") >> "${ledger}" || die
}

# Prints the paths to which img-merge did what the pattern says, one a line, as JSON spells them.
_py_multibuild_reported() {
	sed -n -e '/[{,]"action":"\('"${1}"'\)"[,}]/s/.*[{,]"path\(_b64\)\{0,1\}":"\(\([^"\\]\|\\.\)*\)".*/\2/p' "${2}"
}

# Prints whose the path is by the caller's owners, which are numbered: a directory that was moved as a whole
# stands for all in it, until something newer came there.
_py_multibuild_owner() {
	local at=${1} newest=0 owner=
	while [[ ${at} ]]; do
		if [[ ${owners[${at}]} && ${owners[${at}]%% *} -gt ${newest} ]]; then
			newest=${owners[${at}]%% *}
			owner=${owners[${at}]#* }
		fi
		at=${at%/*}
	done
	builtin echo "${owner}"
}

# Dies unless the tool is there in a version that these functions can talk to.
_py_multibuild_needs_tool() {
	local problem
	problem=$(_py_multibuild_tool_problem "${1}") || die "${problem}"
}

# Prints what is wrong with the tool and fails, or is silent and succeeds.
_py_multibuild_tool_problem() {
	local found IFS=${_PY_MULTIBUILD_IFS}
	if ! type -P "${1}" >/dev/null; then
		echo "${1} is not on PATH: install app-portage/py-multibuild"
		return 1
	fi
	found=$("${1}" --version) && found=${found##* } || found=
	if [[ ! ${found} ]] || ver_test "${found}" -lt "${_PY_MULTIBUILD_NEEDS}"; then
		echo "${1} ${found:-(of no known version)} is too old:" \
			"app-portage/py-multibuild ${_PY_MULTIBUILD_NEEDS} or newer is needed"
		return 1
	fi
}

# Whether this call runs all variants at once.
_py_multibuild_wants_all_at_once() {
	[[ ${#MULTIBUILD_VARIANTS[@]} -gt 1 ]] || return 1
	local word IFS=${_PY_MULTIBUILD_IFS}
	for word in ${PY_MULTIBUILD_SERIAL}; do
		has "${word}" "${EBUILD_PHASE}" "${@}" && return 1
	done
	_py_multibuild_can_list_variants || return 1
	[[ ${1} == _multibuild_create_source_copy ]] && return 0
	[[ ${EBUILD_PHASE} == compile ]] || return 1
	# The first wheel of a pure package serves all variants.
	[[ ${_DISTUTILS_R1_ECLASS} && ! ${DISTUTILS_EXT} && ${DISTUTILS_ALLOW_WHEEL_REUSE} ]] && return 1
	# In one tree the variants would meet.
	! _py_multibuild_shares_sources "${@}" || _py_multibuild_can_copy_sources
}

# Whether py-foreach can be told of the variants: it has a list of different words for the names of files.
_py_multibuild_can_list_variants() {
	local variant
	local -A seen=()
	for variant in "${MULTIBUILD_VARIANTS[@]}"; do
		[[ ${variant} && ${variant} != *[,/[:space:]]* && ! ${seen[${variant}]} ]] || return 1
		seen[${variant}]=1
	done
}

# Whether the variants work where we are, where they would meet, and not in their BUILD_DIR.
_py_multibuild_shares_sources() {
	[[ ${1} != _multibuild_create_source_copy ]] && ! has run_in_build_dir "${@}"
}

# Whether each variant can have a copy of the tree that we are in: the one that holds S, a directory of its own
# in WORKDIR. It may be a link there, as S is in the copy what it is in the original; what is a link further
# down S would lead out of the copy.
_py_multibuild_can_copy_sources() {
	local base top real below=${S%/}
	base=$(_py_multibuild_base) top=$(_py_multibuild_top)
	[[ ${below} == "${base}"/* ]] || return 1
	below=${below#"${base}/"}
	[[ /${below}/ != */@(|.|..)/* ]] || return 1
	real=$(_py_multibuild_real "${base}/${top}") || return 1
	[[ $(_py_multibuild_real "${S}") == "${real}${below#"${top}"}" && $(pwd -P)/ == "${real}"/* ]]
}

# Prints the path of a directory without links, or fails.
_py_multibuild_real() {
	builtin cd -P "${1}" 2>/dev/null && pwd -P
}

# Runs the variants one after another in this shell, as Gentoo's eclass does.
_py_multibuild_one_by_one() {
	local _pm_before=${MULTIBUILD_ID:+${MULTIBUILD_ID}-} _pm_status=0 _pm_this _pm_variant
	for _pm_variant in "${MULTIBUILD_VARIANTS[@]}"; do
		local MULTIBUILD_VARIANT=${_pm_variant}
		local MULTIBUILD_ID=${_pm_before}${_pm_variant}
		local BUILD_DIR=${_pm_build_dir}-${_pm_variant}
		_py_multibuild_run "${@}" > >(exec tee -a "${T}/build-${MULTIBUILD_ID}.log") 2>&1
		_pm_this=${?}
		[[ ${_pm_status} -eq 0 ]] && _pm_status=${_pm_this}
	done
	return "${_pm_status}"
}

# Says what runs and runs it.
_py_multibuild_run() {
	local _pm_words
	_pm_words=$(_py_multibuild_public_words "${@}")
	[[ ${_pm_words} ]] && einfo "${MULTIBUILD_VARIANT}: running ${_pm_words}"
	"${@}"
}

# Prints the words without those at the beginning that are private to an eclass.
_py_multibuild_public_words() {
	while [[ ${1} == _* ]]; do
		shift
	done
	local IFS=' '
	builtin printf '%s\n' "${*}"
}

# Hands the variants to py-foreach, waits for them and takes over what they left.
_py_multibuild_all_at_once() {
	_py_multibuild_needs_tool py-foreach
	local _pm_hand _pm_status=0 _pm_sources=
	_pm_hand=$(mktemp -d "${T}/py-multibuild.XXXXXX") || die
	if _py_multibuild_shares_sources "${@}"; then
		# Before the work and not after it.
		_py_multibuild_needs_tool img-merge
		_pm_sources=${WORKDIR%/}/py-multibuild/${MULTIBUILD_ID:+${MULTIBUILD_ID}-}
		_py_multibuild_copy_for_each
	fi
	_py_multibuild_write_shell "${@}"

	local _pm_name _pm_exports _pm_export=()
	_py_multibuild_list_exports
	for _pm_name in "${_pm_exports[@]}"; do
		_pm_export+=( --export "${_pm_name}" )
	done
	# By itself py-foreach builds nothing outside of WORKDIR, which is the ebuild's to say.
	BUILD_DIR=${_pm_build_dir} MULTIBUILD_ID=${MULTIBUILD_ID} \
		env -u WORKDIR py-foreach --quiet --output=live --variants "$(printf '%s ' "${MULTIBUILD_VARIANTS[@]}")" \
		${MULTIBUILD_JOBS:+--max-impls="${MULTIBUILD_JOBS}"} \
		--log-dir "${T}" --isolate-home \
		--shell-env "${_pm_hand}/ebuild.sh" "${_pm_export[@]}" --export-to "${_pm_hand}/exports" \
		-- _py_multibuild_job || _pm_status=${?}

	_py_multibuild_gather_said
	_py_multibuild_die_as_a_job_did "$(_py_multibuild_public_words "${@}")"
	# shellcheck disable=SC1091
	[[ -e ${_pm_hand}/exports ]] && source "${_pm_hand}/exports"
	_py_multibuild_name_changed
	[[ ${_pm_sources} ]] && _py_multibuild_gather_sources
	rm -rf "${_pm_hand}" || die
	return "${_pm_status}"
}

# Adds what the variants said to the user, elog and its like, to what Portage reports at the end.
_py_multibuild_gather_said() {
	local variant
	[[ -d ${T}/logging ]] || return 0
	for variant in "${MULTIBUILD_VARIANTS[@]}"; do
		[[ -e ${_pm_hand}/said-${variant} ]] || continue
		cat "${_pm_hand}/said-${variant}" >> "${_PY_MULTIBUILD_SAID:-${T}/logging/${EBUILD_PHASE:-other}}" || die
	done
}

# Lists in _pm_exports the names of the variables that come back.
_py_multibuild_list_exports() {
	local IFS=${_PY_MULTIBUILD_IFS}
	# shellcheck disable=SC2206
	_pm_exports=( "${_PY_MULTIBUILD_EXPORT[@]}" ${PY_MULTIBUILD_EXPORT} )
}

# The directory that holds the source tree with what lies beside it: ${WORKDIR}, or a job's copy.
_py_multibuild_base() {
	builtin echo "${_PY_MULTIBUILD_BASE:-${WORKDIR%/}}"
}

# The name below that directory that the sources are in.
_py_multibuild_top() {
	local below=${S#"$(_py_multibuild_base)"/}
	builtin echo "${below%%/*}"
}

# Copies the source tree for each variant but the last, which works in the tree itself.
_py_multibuild_copy_for_each() {
	local base top variant copy other
	base=$(_py_multibuild_base) top=$(_py_multibuild_top)
	for variant in "${MULTIBUILD_VARIANTS[@]:0:${#MULTIBUILD_VARIANTS[@]}-1}"; do
		copy=${_pm_sources}${variant}
		rm -rf "${copy}" || die
		mkdir -p "${copy}" || die
		cp -p -R -H --reflink=auto "${base}/${top}" "${copy}/" || die "${variant}: copying the sources failed"
		# A build that looks beside its sources finds what it always found.
		while IFS= read -r -d '' other; do
			[[ ${other##*/} == @("${top}"|py-multibuild) ]] && continue
			ln -s "${other}" "${copy}/" || die
		done < <(find "${base}" -mindepth 1 -maxdepth 1 -print0)
	done
}

# Adds to the source tree what the variants wrote into their copies; a later variant's file wins.
_py_multibuild_gather_sources() {
	local base top images=() i
	base=$(_py_multibuild_base) top=$(_py_multibuild_top)
	for (( i = ${#MULTIBUILD_VARIANTS[@]} - 2; i >= 0; i-- )); do
		images+=( "${_pm_sources}${MULTIBUILD_VARIANTS[i]}/${top}" )
	done
	img-merge --quiet --no-clobber "${images[@]}" "$(_py_multibuild_real "${base}/${top}")" \
		|| die "gathering the sources of the variants failed"
}

# Lists in _pm_names the variables that are the caller's: none of bash's own, none that py-foreach
# sets for a job, none of ours.
_py_multibuild_list_names() {
	_pm_names=()
	local _pm_letter _pm_name _pm_some _pm_case
	# "path" is not "PATH", whatever the caller likes.
	# That it is off is no failure, also not under 'set -e'.
	_pm_case=$(shopt -p nocasematch || :)
	shopt -u nocasematch
	for _pm_letter in A B C D E F G H I J K L M N O P Q R S T U V W X Y Z \
		a b c d e f g h i j k l m n o p q r s t u v w x y z _; do
		eval "_pm_some=( \"\${!${_pm_letter}@}\" )"
		for _pm_name in "${_pm_some[@]}"; do
			case ${_pm_name} in
				BASH|BASHOPTS|BASHPID|BASH_ALIASES|BASH_ARGC|BASH_ARGV|BASH_ARGV0|BASH_CMDS) continue ;;
				BASH_COMMAND|BASH_EXECUTION_STRING|BASH_LINENO|BASH_MONOSECONDS|BASH_REMATCH) continue ;;
				BASH_SOURCE|BASH_SUBSHELL|BASH_TRAPSIG|BASH_VERSINFO|BASH_VERSION|BASH_XTRACEFD) continue ;;
				COMP_CWORD|COMP_KEY|COMP_LINE|COMP_POINT|COMP_TYPE|COMP_WORDBREAKS|COMP_WORDS) continue ;;
				DIRSTACK|EPOCHREALTIME|EPOCHSECONDS|EUID|FUNCNAME|GROUPS|HISTCMD|LINENO) continue ;;
				OLDPWD|OPTIND) continue ;;
				PIPESTATUS|PPID|PWD|RANDOM|SECONDS|SHELLOPTS|SHLVL|SRANDOM|UID|_) continue ;;
				BUILD_DIR|HOME|MULTIBUILD_ID|MULTIBUILD_VARIANT|PATH|TEMP|TMP|TMPDIR) continue ;;
				# What is not exported py-foreach has not seen, and the job finds it here alone.
				CARGO_MAKEFLAGS|CMAKE_BUILD_PARALLEL_LEVEL|GNUMAKEFLAGS|MAKEFLAGS|MAKEOPTS|MAX_JOBS|\
				MFLAGS|NINJA|NINJAOPTS|NPY_NUM_BUILD_JOBS|SAMUFLAGS)
					[[ ${!_pm_name@a} == *x* ]] && continue ;;
				CARGO_HOME|CCACHE_DIR|DISTCC_DIR|PIP_CACHE_DIR|PIP_CONFIG_FILE) continue ;;
				PYENV_ROOT|RUSTUP_HOME|XDG_CACHE_HOME) continue ;;
				EBUILD_MASTER_PID|PORTAGE_EBUILD_EXIT_FD|_pm_*) continue ;;
			esac
			_pm_names+=( "${_pm_name}" )
		done
	done
	eval "${_pm_case}"
}

# Writes this shell to files that a job's shell sources: what the caller has, then what a job differs in.
# Takes the function to run and its arguments.
_py_multibuild_write_shell() {
	local _pm_names
	_py_multibuild_list_names
	{
		# Portage has functions with names that POSIX does not allow, and POSIXLY_CORRECT is a switch.
		builtin echo 'set +o posix'
		shopt -p | grep -v -e login_shell -e restricted_shell
		declare -f
		declare -p "${_pm_names[@]}"
	} > "${_pm_hand}/environment" || die
	# Portage's die prints its call trace in a file of this name only.
	{
		printf 'source %q\n' "${_pm_hand}/environment"
		set +o
		printf '_PY_MULTIBUILD_HAND=%q\n' "${_pm_hand}"
		printf '_PY_MULTIBUILD_SOURCES=%q\n' "${_pm_sources}"
		printf '_PY_MULTIBUILD_LAST=%q\n' "${MULTIBUILD_VARIANTS[-1]}"
		printf '_PY_MULTIBUILD_HOME=%q\n' "${HOME}"
		printf '_PY_MULTIBUILD_CALL=('
		printf ' %q' "${@}"
		printf ' )\n'
		printf '_PY_MULTIBUILD_PRIVATE=( MULTIBUILD_ID MULTIBUILD_VARIANT %s )\n' \
			"$([[ ${BUILD_DIR@a} == *x* ]] || builtin echo BUILD_DIR)"
		declare -f _py_multibuild_job
		declare -f _py_multibuild_become_job
		builtin echo _py_multibuild_become_job
	} > "${_pm_hand}/ebuild.sh" || die
}

# In the job: die ends this shell alone, and leaves its message for the ebuild's own shell.
_py_multibuild_become_job() {
	export EBUILD_MASTER_PID=${BASHPID}
	trap 'exit 1' SIGTERM
	if [[ ${PORTAGE_EBUILD_EXIT_FD} ]]; then
		exec {PORTAGE_EBUILD_EXIT_FD}>/dev/null
		export PORTAGE_EBUILD_EXIT_FD
	fi
	# shellcheck disable=SC2034
	EBUILD_DEATH_HOOKS=_py_multibuild_keep_message
	_py_multibuild_say_apart
	_py_multibuild_furnish_home
	# Without it ninja-utils.eclass reads the bare -j before the pool in MAKEFLAGS as 999 jobs.
	if [[ ! ${NINJAOPTS+set} ]]; then
		NINJAOPTS=
		declare -F get_makeopts_loadavg >/dev/null && NINJAOPTS=-l$(get_makeopts_loadavg 0)
	fi
	if [[ ${_PY_MULTIBUILD_SOURCES} && ${MULTIBUILD_VARIANT} != "${_PY_MULTIBUILD_LAST}" ]]; then
		_py_multibuild_enter_copy
	fi
}

# In the job: turns Portage's elog to a file of the variant's own, or the lines of all would be mixed.
_py_multibuild_say_apart() {
	# A piece of that function's text.
	# shellcheck disable=SC2016
	local _pm_elog _pm_shared='${T}/logging/${EBUILD_PHASE:-other}'
	_PY_MULTIBUILD_SAID=${_PY_MULTIBUILD_HAND}/said-${MULTIBUILD_VARIANT}
	_pm_elog=$(declare -f __elog_base) || return 0
	eval "${_pm_elog//"${_pm_shared}"/"\${_PY_MULTIBUILD_SAID}"}"
}

# In the job: gives its HOME what earlier phases configured in the ebuild's; the caches stay where they are.
_py_multibuild_furnish_home() {
	[[ ${_PY_MULTIBUILD_HOME} == "${PORTAGE_BUILDDIR%/}"/* && -d ${_PY_MULTIBUILD_HOME} ]] || return 0
	find "${_PY_MULTIBUILD_HOME}" -mindepth 1 -maxdepth 1 -name '.*' \
		! -name .cache ! -name .cargo ! -name .ccache ! -name .distcc ! -name .pyenv ! -name .rustup \
		-exec cp -p -R -t "${HOME}" {} + || die
}

# In the job: leaves the words that die was called with.
_py_multibuild_keep_message() {
	printf '%s\n' "${*}" > "${_PY_MULTIBUILD_HAND}/died-${MULTIBUILD_VARIANT}"
}

# In the job: turns to the variant's own copy of the sources, and all variables that name a place in them.
_py_multibuild_enter_copy() {
	local _pm_from _pm_real _pm_to _pm_here _pm_name _pm_names
	_pm_from=$(_py_multibuild_base)/$(_py_multibuild_top)
	_pm_to=${_PY_MULTIBUILD_SOURCES}${MULTIBUILD_VARIANT}/$(_py_multibuild_top)
	_pm_real=$(_py_multibuild_real "${_pm_from}") || die
	_pm_here=$(pwd -P) || die
	_py_multibuild_list_names
	for _pm_name in "${_pm_names[@]}"; do
		_py_multibuild_name_other_place "${_pm_name}" "${_pm_from}" "${_pm_to}"
	done
	_PY_MULTIBUILD_BASE=${_PY_MULTIBUILD_SOURCES}${MULTIBUILD_VARIANT}
	_PY_MULTIBUILD_COPIED=( "${_pm_to}" "${_pm_from}" )
	cd "${_pm_to}${_pm_here#"${_pm_real}"}" || die
}

# In the job: lets the variable name the last path, and what is below it, wherever it names the one before.
_py_multibuild_name_other_place() {
	local -n _pm_it=${1}
	local _pm_key
	[[ ${_pm_it[*]} == *"${2}"* && ${_pm_it@a} != *r* ]] || return 0
	for _pm_key in "${!_pm_it[@]}"; do
		local _pm_rest=${_pm_it[${_pm_key}]} _pm_done=
		local _pm_head=${_pm_rest%%"${2}"*}
		while [[ ${#_pm_head} -lt ${#_pm_rest} ]]; do
			_pm_rest=${_pm_rest#*"${2}"}
			# The beginning of another name stays.
			[[ ${_pm_rest} == [[:alnum:]._+-]* ]] && _pm_head+=${2} || _pm_head+=${3}
			_pm_done+=${_pm_head}
			_pm_head=${_pm_rest%%"${2}"*}
		done
		if [[ ${_pm_it@a} == *[aA]* ]]; then
			# shellcheck disable=SC2004
			_pm_it[${_pm_key}]=${_pm_done}${_pm_rest}
		else
			# shellcheck disable=SC2178
			_pm_it=${_pm_done}${_pm_rest}
		fi
	done
}

# The function that py-foreach runs: the caller's, between two looks at the variables.  It takes no
# argument: Portage's call trace counts on one word below the frames that it shows, and bash has put
# the name of this function there.
_py_multibuild_job() {
	local -A _pm_then
	local _pm_status
	# They came in the environment; what the function starts shall not see them there.
	declare -g +x "${_PY_MULTIBUILD_PRIVATE[@]}"
	if [[ ${_PY_MULTIBUILD_COPIED[*]} ]]; then
		# The rest has been turned to the copy before py-foreach set what is its own.
		_py_multibuild_name_other_place PATH "${_PY_MULTIBUILD_COPIED[1]}" "${_PY_MULTIBUILD_COPIED[0]}"
	fi
	_py_multibuild_take_stock
	_py_multibuild_run "${_PY_MULTIBUILD_CALL[@]}"
	_pm_status=${?}
	_py_multibuild_list_changed > "${_PY_MULTIBUILD_HAND}/changed-${MULTIBUILD_VARIANT}" || die
	_py_multibuild_name_real_sources
	: > "${_PY_MULTIBUILD_HAND}/returned-${MULTIBUILD_VARIANT}" || die
	return "${_pm_status}"
}

# In the job: notes in _pm_then what each variable holds.
_py_multibuild_take_stock() {
	local _pm_name _pm_names _pm_all
	_py_multibuild_list_names
	for _pm_name in "${_pm_names[@]}"; do
		_pm_all="${_pm_name}[@]"
		_pm_then[${_pm_name}]=${!_pm_all@A}
	done
}

# In the job: prints the names of variables that are not what they were and do not come back.
_py_multibuild_list_changed() {
	local _pm_name _pm_names _pm_all
	_py_multibuild_list_names
	for _pm_name in "${_pm_names[@]}"; do
		_pm_all="${_pm_name}[@]"
		[[ ${_pm_then[${_pm_name}]-unset} == "${!_pm_all@A}" ]] || _py_multibuild_print_watched "${_pm_name}"
		unset "_pm_then[${_pm_name}]"
	done
	# What is left is gone.
	for _pm_name in "${!_pm_then[@]}"; do
		_py_multibuild_print_watched "${_pm_name}"
	done
}

# Prints the name, unless it comes back or is a note of Portage's own.
_py_multibuild_print_watched() {
	[[ ${1} == @(LAST_E_*|__*) ]] && return
	local _pm_exports
	_py_multibuild_list_exports
	has "${1}" "${_pm_exports[@]}" || builtin echo "${1}"
}

# In the job: the copy's path means nothing later, so what comes back names the real one.
_py_multibuild_name_real_sources() {
	[[ ${_PY_MULTIBUILD_COPIED[*]} ]] || return 0
	local _pm_name _pm_exports
	_py_multibuild_list_exports
	for _pm_name in "${_pm_exports[@]}"; do
		_py_multibuild_name_other_place "${_pm_name}" "${_PY_MULTIBUILD_COPIED[@]}"
	done
}

# Dies with the words of the first variant, in order, that did not return.
_py_multibuild_die_as_a_job_did() {
	local variant message
	for variant in "${MULTIBUILD_VARIANTS[@]}"; do
		[[ -e ${_pm_hand}/returned-${variant} ]] && continue
		message="${1:-the job} failed before its end (status ${_pm_status})"
		if [[ -e ${_pm_hand}/died-${variant} ]]; then
			message=$(< "${_pm_hand}/died-${variant}")
			message=${message:-"(no error message)"}
		fi
		eerror "${variant}: the log is ${T}/build-${MULTIBUILD_ID:+${MULTIBUILD_ID}-}${variant}.log"
		die "${variant}: ${message}"
	done
}

# Names the variables that the variants changed for themselves alone.
_py_multibuild_name_changed() {
	local variant name
	local -A changed=()
	for variant in "${MULTIBUILD_VARIANTS[@]}"; do
		while IFS= read -r name; do
			changed[${name}]+=" ${variant}"
		done < "${_pm_hand}/changed-${variant}"
	done
	[[ ${#changed[@]} -gt 0 ]] || return 0
	eqawarn "QA Notice: variables were changed that neither another variant nor a later phase sees:"
	while IFS= read -r name; do
		eqawarn "  ${name} (by${changed[${name}]})"
	done < <(printf '%s\n' "${!changed[@]}" | sort)
	eqawarn "PY_MULTIBUILD_EXPORT brings them back; see py-multibuild(7)."
}

fi

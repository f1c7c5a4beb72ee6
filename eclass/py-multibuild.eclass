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
# Callers pass shell functions.  A function sees the caller's variables,
# arrays, functions and working directory, and may die.
#
# The compile phase runs all variants at once.  Each variant is then a process
# of its own without the ebuild's traps.  What a function assigns is lost when
# it returns, except for the names in PY_MULTIBUILD_EXPORT.  Messages of elog
# come in the order of the variants.  A build writes into its source tree, so
# all variants but the last work in a copy of it; when the phase is done, the
# new files of the copies are in ${S}.  Every other phase runs one variant
# after another in the ebuild's own shell.  See py-multibuild(7).

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
# The variants of the outer calls and this one, joined by '-'.  Put it into the
# names of files that two variants must not share.

# @ECLASS_VARIABLE: BUILD_DIR
# @OUTPUT_VARIABLE
# @DEFAULT_UNSET
# @DESCRIPTION:
# The build directory of the variant: the caller's BUILD_DIR (or ${S}), '-' and
# the variant.

# @ECLASS_VARIABLE: MULTIBUILD_JOBS
# @USER_VARIABLE
# @DEFAULT_UNSET
# @DESCRIPTION:
# At most this many variants run at once.  MAKEOPTS, or the jobserver in
# MAKEFLAGS, limits the number of compilers.

# @ECLASS_VARIABLE: PY_MULTIBUILD_SERIAL
# @DEFAULT_UNSET
# @DESCRIPTION:
# Phases ('compile') and functions ('python_compile') that run one variant
# after another all the same.

# @ECLASS_VARIABLE: PY_MULTIBUILD_EXPORT
# @DEFAULT_UNSET
# @DESCRIPTION:
# Names of variables that variants which run at once give back, in the order
# of MULTIBUILD_VARIANTS: a scalar has the last one's value, elements of arrays
# are added.  The names that distutils-r1 needs are always given back.

# The caller may have changed IFS.
_PY_MULTIBUILD_IFS=$' \t\n'

# The oldest version of the tools that these functions work with.
_PY_MULTIBUILD_NEEDS=0.1.0

# distutils-r1 writes these for one variant and reads them for the next; the others are those of Portage's
# helpers docompress, dostrip, addpredict and so on.
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
# All variants run, also when one fails.  Returns the first status in the
# order of MULTIBUILD_VARIANTS that is not 0.  If a function dies, the ebuild
# dies with its message after the others are done.
multibuild_foreach_variant() {
	debug-print-function "${FUNCNAME[0]}" "${@}"

	[[ ${MULTIBUILD_VARIANTS[*]} ]] || die "MULTIBUILD_VARIANTS need to be set"

	local _pm_build_dir=${BUILD_DIR:-${S}}
	[[ ${_pm_build_dir%/} == "${WORKDIR%/}" ]] && _pm_build_dir=${WORKDIR}/build
	_pm_build_dir=${_pm_build_dir%/}

	if _py_multibuild_runs_at_once "${@}"; then
		_py_multibuild_all_at_once "${@}"
	else
		_py_multibuild_one_by_one "${@}"
	fi
}

# @FUNCTION: multibuild_for_best_variant
# @USAGE: <function> [<args>...]
# @DESCRIPTION:
# Runs the function for the last of MULTIBUILD_VARIANTS alone.
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
	_py_multibuild_copy "${_MULTIBUILD_INITIAL_BUILD_DIR}" "${BUILD_DIR}"
}

# @FUNCTION: multibuild_merge_root
# @USAGE: <source-root> <destination-root>
# @DESCRIPTION:
# Moves the files of the source root into the destination root and removes the
# source root.  Both are real paths, with ${D}.  A file that exists in the
# destination is replaced; if it differed, a QA notice names it.
multibuild_merge_root() {
	debug-print-function "${FUNCNAME[0]}" "${@}"

	local variant=${MULTIBUILD_VARIANT:-(unknown)} report line
	_py_multibuild_needs_tool img-merge
	if ! report=$(img-merge --verbose --method=move --on-conflict=replace --dir-metadata=image "${1}" "${2}" 2>&1)
	then
		eerror "${report}"
		die "${variant}: merging image failed"
	fi
	while IFS= read -r line; do
		if [[ ${line} == *"; replaced the latter" ]]; then
			eqawarn "QA Notice: ${variant} replaces a different file: ${line#img-merge: merge }"
		fi
	done <<< "${report}"
}

# @FUNCTION: py_wrap_scripts
# @USAGE: [<option of py-wrapper>...] <image>
# @DESCRIPTION:
# Moves the image's scripts to /usr/lib/python-exec/EPYTHON and puts wrappers
# in their places.  Call it before multibuild_merge_root.  --kind=link makes
# links to the dispatcher, as distutils-r1 does.
py_wrap_scripts() {
	debug-print-function "${FUNCNAME[0]}" "${@}"

	[[ ${EPYTHON} ]] || die "${FUNCNAME[0]}: EPYTHON needs to be set"
	_py_multibuild_needs_tool py-wrapper
	py-wrapper --quiet --impl="${EPYTHON}" --eprefix="${EPREFIX}" "${@}" \
		|| die "${EPYTHON}: wrapping scripts failed"
}

# Dies unless the tool is installed and new enough.
_py_multibuild_needs_tool() {
	local problem
	problem=$(_py_multibuild_tool_problem "${1}") || die "${problem}"
}

# Prints the problem with the tool and fails, or succeeds in silence.
_py_multibuild_tool_problem() {
	local found IFS=${_PY_MULTIBUILD_IFS}
	if ! type -P "${1}" >/dev/null; then
		builtin echo "${1} is not on PATH: install app-portage/py-multibuild"
		return 1
	fi
	found=$("${1}" --version) && found=${found##* } || found=
	if [[ ! ${found} ]] || ver_test "${found}" -lt "${_PY_MULTIBUILD_NEEDS}"; then
		builtin echo "${1} ${found:-(of no known version)} is too old:" \
			"app-portage/py-multibuild ${_PY_MULTIBUILD_NEEDS} or newer is needed"
		return 1
	fi
}

# Copies a tree to a place where nothing is, as reflinks where the file system has them.
_py_multibuild_copy() {
	_py_multibuild_needs_tool img-merge
	img-merge --quiet --method=reflink "${1}" "${2}" || die "${MULTIBUILD_VARIANT:-(unknown)}: copying ${1} failed"
}

# Whether this call runs all variants at once.
_py_multibuild_runs_at_once() {
	[[ ${#MULTIBUILD_VARIANTS[@]} -gt 1 ]] || return 1
	local word IFS=${_PY_MULTIBUILD_IFS}
	for word in ${PY_MULTIBUILD_SERIAL}; do
		has "${word}" "${EBUILD_PHASE}" "${@}" && return 1
	done
	_py_multibuild_can_list_variants || return 1
	[[ ${1} == _multibuild_create_source_copy ]] && return 0
	[[ ${EBUILD_PHASE} == compile ]] || return 1
	# distutils-r1 reuses the first wheel of a pure package for all variants.
	[[ ${_DISTUTILS_R1_ECLASS} && ! ${DISTUTILS_EXT} && ${DISTUTILS_ALLOW_WHEEL_REUSE} ]] && return 1
	# Variants cannot share one tree.
	! _py_multibuild_works_in_sources "${@}" || _py_multibuild_can_copy_sources
}

# Whether py-foreach accepts the variants: it wants different words that can be names of files.
_py_multibuild_can_list_variants() {
	local variant
	local -A seen=()
	for variant in "${MULTIBUILD_VARIANTS[@]}"; do
		[[ ${variant} && ${variant} != *[,/[:space:]]* && ! ${seen[${variant}]} ]] || return 1
		seen[${variant}]=1
	done
}

# Whether the variants work in the current directory, which they would share, and not in their BUILD_DIR.
_py_multibuild_works_in_sources() {
	[[ ${1} != _multibuild_create_source_copy ]] && ! has run_in_build_dir "${@}"
}

# Whether each variant can have a copy of the tree that we are in. That tree holds S and is a directory right below
# WORKDIR, or a link there: in the copy, S is below the same name. A link further down in S would lead out of the copy.
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

# Runs the variants one after another in this shell, as multibuild.eclass does.
_py_multibuild_one_by_one() {
	local _pm_prefix=${MULTIBUILD_ID:+${MULTIBUILD_ID}-} _pm_status=0 _pm_this _pm_variant
	for _pm_variant in "${MULTIBUILD_VARIANTS[@]}"; do
		local MULTIBUILD_VARIANT=${_pm_variant}
		local MULTIBUILD_ID=${_pm_prefix}${_pm_variant}
		local BUILD_DIR=${_pm_build_dir}-${_pm_variant}
		_py_multibuild_run "${@}" > >(exec tee -a "${T}/build-${MULTIBUILD_ID}.log") 2>&1
		_pm_this=${?}
		[[ ${_pm_status} -eq 0 ]] && _pm_status=${_pm_this}
	done
	return "${_pm_status}"
}

# Announces the function and runs it.
_py_multibuild_run() {
	local _pm_words
	_pm_words=$(_py_multibuild_public_words "${@}")
	[[ ${_pm_words} ]] && einfo "${MULTIBUILD_VARIANT}: running ${_pm_words}"
	"${@}"
}

# Prints the words without the eclasses' private functions at the beginning.
_py_multibuild_public_words() {
	while [[ ${1} == _* ]]; do
		shift
	done
	local IFS=' '
	builtin printf '%s\n' "${*}"
}

# Runs the variants with py-foreach and takes over their results.
_py_multibuild_all_at_once() {
	_py_multibuild_needs_tool py-foreach
	local _pm_dir _pm_status=0 _pm_sources=
	_pm_dir=$(mktemp -d "${T}/py-multibuild.XXXXXX") || die
	if _py_multibuild_works_in_sources "${@}"; then
		_pm_sources=${WORKDIR%/}/py-multibuild/${MULTIBUILD_ID:+${MULTIBUILD_ID}-}
		_py_multibuild_copy_for_each
	fi
	_py_multibuild_write_shell "${@}"

	local _pm_name _pm_exports _pm_export=()
	_py_multibuild_list_exports
	for _pm_name in "${_pm_exports[@]}"; do
		_pm_export+=( --export "${_pm_name}" )
	done
	# With WORKDIR set, py-foreach refuses a BUILD_DIR outside of it; an ebuild may choose one.
	BUILD_DIR=${_pm_build_dir} MULTIBUILD_ID=${MULTIBUILD_ID} \
		env -u WORKDIR py-foreach --quiet --output=live --variants "$(printf '%s ' "${MULTIBUILD_VARIANTS[@]}")" \
		${MULTIBUILD_JOBS:+--max-impls="${MULTIBUILD_JOBS}"} \
		--log-dir "${T}" --isolate-home \
		--shell-env "${_pm_dir}/ebuild.sh" "${_pm_export[@]}" --export-to "${_pm_dir}/exports" \
		-- _py_multibuild_job || _pm_status=${?}

	_py_multibuild_join_elog
	_py_multibuild_die_for_a_job "$(_py_multibuild_public_words "${@}")"
	# shellcheck disable=SC1091
	[[ -e ${_pm_dir}/exports ]] && source "${_pm_dir}/exports"
	_py_multibuild_report_changed
	[[ ${_pm_sources} ]] && _py_multibuild_join_sources
	rm -rf "${_pm_dir}" || die
	return "${_pm_status}"
}

# Adds the variants' elog messages to the ebuild's, which Portage reports at the end.
_py_multibuild_join_elog() {
	local variant
	[[ -d ${T}/logging ]] || return 0
	for variant in "${MULTIBUILD_VARIANTS[@]}"; do
		[[ -e ${_pm_dir}/elog-${variant} ]] || continue
		cat "${_pm_dir}/elog-${variant}" >> "${_PY_MULTIBUILD_ELOG:-${T}/logging/${EBUILD_PHASE:-other}}" || die
	done
}

# Lists in _pm_exports the names of the variables that variants give back.
_py_multibuild_list_exports() {
	local IFS=${_PY_MULTIBUILD_IFS}
	# shellcheck disable=SC2206
	_pm_exports=( "${_PY_MULTIBUILD_EXPORT[@]}" ${PY_MULTIBUILD_EXPORT} )
}

# Prints the directory that holds the source tree: ${WORKDIR}, or a job's copy of it.
_py_multibuild_base() {
	builtin echo "${_PY_MULTIBUILD_BASE:-${WORKDIR%/}}"
}

# Prints the name of the source tree in that directory.
_py_multibuild_top() {
	local below=${S#"$(_py_multibuild_base)"/}
	builtin echo "${below%%/*}"
}

# Copies the source tree for each variant but the last, which works in the tree itself.
_py_multibuild_copy_for_each() {
	local base top variant copy
	base=$(_py_multibuild_base) top=$(_py_multibuild_top)
	for variant in "${MULTIBUILD_VARIANTS[@]:0:${#MULTIBUILD_VARIANTS[@]}-1}"; do
		copy=${_pm_sources}${variant}
		rm -rf "${copy}" || die
		mkdir -p "${copy}" || die
		_py_multibuild_copy "$(_py_multibuild_real "${base}/${top}")" "${copy}/${top}"
		# A build that looks beside its sources finds the same names there.
		find "${base}" -mindepth 1 -maxdepth 1 ! -path "${base}/${top}" ! -name py-multibuild \
			-exec ln -s -t "${copy}" {} + || die
	done
}

# Adds the new files in the variants' copies to the source tree; a later variant's file wins.
_py_multibuild_join_sources() {
	local base top images=() i
	base=$(_py_multibuild_base) top=$(_py_multibuild_top)
	for (( i = ${#MULTIBUILD_VARIANTS[@]} - 2; i >= 0; i-- )); do
		images+=( "${_pm_sources}${MULTIBUILD_VARIANTS[i]}/${top}" )
	done
	img-merge --quiet --no-clobber "${images[@]}" "$(_py_multibuild_real "${base}/${top}")" \
		|| die "gathering the sources of the variants failed"
}

# Lists in _pm_names the caller's variables, without bash's own, those that py-foreach sets for a job, and ours.
_py_multibuild_list_names() {
	_pm_names=()
	local _pm_letter _pm_name _pm_some _pm_case
	# Names are compared with their case. shopt fails if the option is off, which must not end a shell with 'set -e'.
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
				# py-foreach sets these if they are exported; otherwise the job gets them here.
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

# Writes this shell to files that a job's shell sources: the caller's state, then what is different in a job.
# Takes the function to run and its arguments.
_py_multibuild_write_shell() {
	local _pm_names
	_py_multibuild_list_names
	{
		# Portage's functions have names that POSIX does not allow, and POSIXLY_CORRECT switches to POSIX mode.
		builtin echo 'set +o posix'
		shopt -p | grep -v -e login_shell -e restricted_shell
		declare -f
		declare -p "${_pm_names[@]}"
	} > "${_pm_dir}/environment" || die
	# Portage's die prints a call trace only for a file of this name.
	{
		printf 'source %q\n' "${_pm_dir}/environment"
		set +o
		printf '_PY_MULTIBUILD_DIR=%q\n' "${_pm_dir}"
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
	} > "${_pm_dir}/ebuild.sh" || die
}

# In the job: lets die end this shell alone and leave its message for the ebuild's own shell.
_py_multibuild_become_job() {
	export EBUILD_MASTER_PID=${BASHPID}
	trap 'exit 1' SIGTERM
	if [[ ${PORTAGE_EBUILD_EXIT_FD} ]]; then
		exec {PORTAGE_EBUILD_EXIT_FD}>/dev/null
		export PORTAGE_EBUILD_EXIT_FD
	fi
	# shellcheck disable=SC2034
	EBUILD_DEATH_HOOKS=_py_multibuild_keep_message
	_py_multibuild_separate_elog
	_py_multibuild_copy_dotfiles
	# Without NINJAOPTS, ninja-utils.eclass takes the bare -j in MAKEFLAGS for 999 jobs.
	if [[ ! ${NINJAOPTS+set} ]]; then
		NINJAOPTS=
		declare -F get_makeopts_loadavg >/dev/null && NINJAOPTS=-l$(get_makeopts_loadavg 0)
	fi
	if [[ ${_PY_MULTIBUILD_SOURCES} && ${MULTIBUILD_VARIANT} != "${_PY_MULTIBUILD_LAST}" ]]; then
		_py_multibuild_enter_copy
	fi
}

# In the job: gives Portage's elog a file of the variant's own; in one file the lines of all would be mixed.
_py_multibuild_separate_elog() {
	# The text of that function holds this literally.
	# shellcheck disable=SC2016
	local _pm_elog _pm_shared='${T}/logging/${EBUILD_PHASE:-other}'
	_PY_MULTIBUILD_ELOG=${_PY_MULTIBUILD_DIR}/elog-${MULTIBUILD_VARIANT}
	_pm_elog=$(declare -f __elog_base) || return 0
	eval "${_pm_elog//"${_pm_shared}"/"\${_PY_MULTIBUILD_ELOG}"}"
}

# In the job: copies what earlier phases configured in the ebuild's HOME to the job's, without caches.
_py_multibuild_copy_dotfiles() {
	[[ ${_PY_MULTIBUILD_HOME} == "${PORTAGE_BUILDDIR%/}"/* && -d ${_PY_MULTIBUILD_HOME} ]] || return 0
	find "${_PY_MULTIBUILD_HOME}" -mindepth 1 -maxdepth 1 -name '.*' \
		! -name .cache ! -name .cargo ! -name .ccache ! -name .distcc ! -name .pyenv ! -name .rustup \
		-exec cp -p -R -t "${HOME}" {} + || die
}

# In the job: keeps the message of die.
_py_multibuild_keep_message() {
	printf '%s\n' "${*}" > "${_PY_MULTIBUILD_DIR}/died-${MULTIBUILD_VARIANT}"
}

# In the job: changes to the variant's copy of the sources, also in every variable that holds a path in them.
_py_multibuild_enter_copy() {
	local _pm_from _pm_real _pm_to _pm_here _pm_name _pm_names
	_pm_from=$(_py_multibuild_base)/$(_py_multibuild_top)
	_pm_to=${_PY_MULTIBUILD_SOURCES}${MULTIBUILD_VARIANT}/$(_py_multibuild_top)
	_pm_real=$(_py_multibuild_real "${_pm_from}") || die
	_pm_here=$(pwd -P) || die
	_py_multibuild_list_names
	for _pm_name in "${_pm_names[@]}"; do
		_py_multibuild_replace_path "${_pm_name}" "${_pm_from}" "${_pm_to}"
	done
	_PY_MULTIBUILD_BASE=${_PY_MULTIBUILD_SOURCES}${MULTIBUILD_VARIANT}
	_PY_MULTIBUILD_COPIED=( "${_pm_to}" "${_pm_from}" )
	cd "${_pm_to}${_pm_here#"${_pm_real}"}" || die
}

# In the job: replaces a path in a variable. Takes the variable, the old path and the new one.
_py_multibuild_replace_path() {
	local -n _pm_it=${1}
	local _pm_key
	[[ ${_pm_it[*]} == *"${2}"* && ${_pm_it@a} != *r* ]] || return 0
	for _pm_key in "${!_pm_it[@]}"; do
		local _pm_rest=${_pm_it[${_pm_key}]} _pm_done=
		local _pm_head=${_pm_rest%%"${2}"*}
		while [[ ${#_pm_head} -lt ${#_pm_rest} ]]; do
			_pm_rest=${_pm_rest#*"${2}"}
			# Here the old path is only the beginning of another name.
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

# The function that py-foreach runs. It calls the caller's and notes which variables that changed. It takes no
# argument: Portage's call trace expects one word below the frames that it shows, and that word is this name.
_py_multibuild_job() {
	local -A _pm_before
	local _pm_status
	# They came in the environment; the programs that the function starts must not see them.
	declare -g +x "${_PY_MULTIBUILD_PRIVATE[@]}"
	if [[ ${_PY_MULTIBUILD_COPIED[*]} ]]; then
		# py-foreach has set PATH after the other variables were changed.
		_py_multibuild_replace_path PATH "${_PY_MULTIBUILD_COPIED[1]}" "${_PY_MULTIBUILD_COPIED[0]}"
	fi
	_py_multibuild_note_variables
	_py_multibuild_run "${_PY_MULTIBUILD_CALL[@]}"
	_pm_status=${?}
	_py_multibuild_list_changed > "${_PY_MULTIBUILD_DIR}/changed-${MULTIBUILD_VARIANT}" || die
	_py_multibuild_restore_paths
	: > "${_PY_MULTIBUILD_DIR}/returned-${MULTIBUILD_VARIANT}" || die
	return "${_pm_status}"
}

# In the job: notes in _pm_before the value of each variable.
_py_multibuild_note_variables() {
	local _pm_name _pm_names _pm_all
	_py_multibuild_list_names
	for _pm_name in "${_pm_names[@]}"; do
		_pm_all="${_pm_name}[@]"
		_pm_before[${_pm_name}]=${!_pm_all@A}
	done
}

# In the job: prints the names of variables that changed and are not given back.
_py_multibuild_list_changed() {
	local _pm_name _pm_names _pm_all _pm_exports _pm_changed=()
	_py_multibuild_list_names
	for _pm_name in "${_pm_names[@]}"; do
		_pm_all="${_pm_name}[@]"
		[[ ${_pm_before[${_pm_name}]-unset} == "${!_pm_all@A}" ]] || _pm_changed+=( "${_pm_name}" )
		unset "_pm_before[${_pm_name}]"
	done
	_py_multibuild_list_exports
	# The names that are left in _pm_before were unset. Portage changes LAST_E_* and __* itself.
	for _pm_name in "${_pm_changed[@]}" "${!_pm_before[@]}"; do
		[[ ${_pm_name} == @(LAST_E_*|__*) ]] || has "${_pm_name}" "${_pm_exports[@]}" ||
			builtin printf '%s\n' "${_pm_name}"
	done
}

# In the job: puts the original paths back into the variables that are given back; the copy's mean nothing later.
_py_multibuild_restore_paths() {
	[[ ${_PY_MULTIBUILD_COPIED[*]} ]] || return 0
	local _pm_name _pm_exports
	_py_multibuild_list_exports
	for _pm_name in "${_pm_exports[@]}"; do
		_py_multibuild_replace_path "${_pm_name}" "${_PY_MULTIBUILD_COPIED[@]}"
	done
}

# Dies with the message of the first variant, in declared order, whose function did not return.
_py_multibuild_die_for_a_job() {
	local variant message
	for variant in "${MULTIBUILD_VARIANTS[@]}"; do
		[[ -e ${_pm_dir}/returned-${variant} ]] && continue
		message="${1:-the job} failed before its end (status ${_pm_status})"
		if [[ -e ${_pm_dir}/died-${variant} ]]; then
			message=$(< "${_pm_dir}/died-${variant}")
			message=${message:-"(no error message)"}
		fi
		eerror "${variant}: the log is ${T}/build-${MULTIBUILD_ID:+${MULTIBUILD_ID}-}${variant}.log"
		die "${variant}: ${message}"
	done
}

# Reports the variables that variants changed and do not give back.
_py_multibuild_report_changed() {
	local variant name
	local -A changed=()
	for variant in "${MULTIBUILD_VARIANTS[@]}"; do
		while IFS= read -r name; do
			changed[${name}]+=" ${variant}"
		done < "${_pm_dir}/changed-${variant}"
	done
	[[ ${#changed[@]} -gt 0 ]] || return 0
	eqawarn "QA Notice: variants changed these variables, and the changes are lost:"
	while IFS= read -r name; do
		eqawarn "  ${name} (by${changed[${name}]})"
	done < <(printf '%s\n' "${!changed[@]}" | sort)
	eqawarn "Name them in PY_MULTIBUILD_EXPORT to keep the changes; see py-multibuild(7)."
}

fi

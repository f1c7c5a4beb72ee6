# shellcheck shell=bash disable=SC2034,SC2153
EAPI=8

inherit py-multibuild python-r1

DESCRIPTION="Looks at what a function that is handed in can see"
HOMEPAGE="https://example.org/"
LICENSE="MIT"
SLOT="0"
KEYWORDS="amd64"

GLOBAL=( "one word" $'two\nlines' )

src_unpack() {
	mkdir -p "${S}/below" || die
	echo pristine > "${S}/source" || die
}

src_prepare() {
	default
	multibuild_copies
}

# Gives each variant its copy of the sources, and looks at what that leaves.
multibuild_copies() {
	local MULTIBUILD_VARIANTS=( left right.x86 ) variant
	multibuild_copy_sources
	for variant in "${MULTIBUILD_VARIANTS[@]}"; do
		echo "copied: $(< "${S}-${variant}/source")"
	done
}

src_compile() {
	local BUILD_DIR=${WORKDIR}/out/
	local mine="a local" number=7
	local -a list=( "${GLOBAL[@]}" "a * glob" )
	local -A map=( [key with blanks]="a value" )
	local -x EXPORTED=yes
	shopt -s nullglob
	cd below || die
	prepare_to_meet
	# shellcheck disable=SC2016
	python_foreach_impl look "an argument" '$HOME *' ''
	shopt -u nullglob
	echo "back in ${PWD##*/}: ${BUILD_DIR}"
	multibuild_for_the_best
	inside
}

# shellcheck disable=SC2016
look() {
	meet_the_others
	echo "${#} arguments: <${1}> <${2}> <${3}>"
	echo "local <${mine}> number <$(( number + 1 ))> list <${list[1]}> of ${#list[@]} map <${map[key with blanks]}>"
	echo "exported $(sh -c 'echo $EXPORTED $EPYTHON') nullglob <$(echo nothing*)> ifs <$(printf %q "${IFS}")>"
	echo "variant ${MULTIBUILD_VARIANT} id ${MULTIBUILD_ID} build ${BUILD_DIR} outside <$(sh -c 'echo $MULTIBUILD_ID$BUILD_DIR')>"
	echo "in ${PWD##*/} of $(< "${S}/source"), own copy: $(alter_the_source)"
	[[ ${TMPDIR} != "${T}" ]] && echo "a TMPDIR of its own" > "${TMPDIR}/file"
	mkdir -p "${BUILD_DIR}" || die
	cp "${TMPDIR}/file" "${BUILD_DIR}" || die
	helper
}

# What every variant writes to one name in the source tree stays its own until all are done.
alter_the_source() {
	echo "${EPYTHON}" > ../source || die
	echo "${EPYTHON}" > "${S}/made-by-${EPYTHON}" || die
	meet_the_others
	cat "${S}/source" || die
}

helper() {
	# A function that is called at the second remove.
	[[ ${FUNCNAME[1]} == look ]] && echo "called by look"
}

multibuild_for_the_best() {
	local MULTIBUILD_VARIANTS=( worse best )
	multibuild_for_best_variant report
}

report() {
	echo "best: ${MULTIBUILD_VARIANT} ${BUILD_DIR}"
	LEAKS=yes
}

# Calls inside calls: each Python for each ABI.
inside() {
	python_foreach_impl inside_python
}

inside_python() {
	local MULTIBUILD_VARIANTS=( abi_x86_32.x86 abi_x86_64.amd64 )
	multibuild_foreach_variant inside_abi
}

inside_abi() {
	echo "inside ${MULTIBUILD_ID} ${EPYTHON} ${BUILD_DIR##*/} ${PWD##*/}"
}

src_install() {
	echo "leaks: ${LEAKS}; source: $(< "${S}/source"); $(cd "${S}" && echo made-by-*)"
	python_foreach_impl install_one
}

install_one() {
	local root=${BUILD_DIR}/install name
	mkdir -p "${root}${EPREFIX}/usr/bin" || die
	printf '#!%s\nimport sys\nprint("this is %%d.%%d" %% sys.version_info[:2])\n' "${PYTHON}" \
		> "${root}${EPREFIX}/usr/bin/whoami-python" || die
	chmod 755 "${root}${EPREFIX}/usr/bin/whoami-python" || die
	py_wrap_scripts "${root}"
	multibuild_merge_root "${root}" "${D}"
}

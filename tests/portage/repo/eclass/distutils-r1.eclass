# A stand-in for Gentoo's eclass of this name: builds a small package as setuptools does (it writes
# into the source tree), keeps "wheels", wraps scripts, merges.
# shellcheck shell=bash disable=SC2034

if [[ -z ${_DISTUTILS_R1_ECLASS} ]]; then
_DISTUTILS_R1_ECLASS=1

inherit python-r1

: "${DISTUTILS_ALLOW_WHEEL_REUSE=1}"
declare -g -A DISTUTILS_WHEELS=()

distutils-r1_src_unpack() {
	mkdir -p "${S}" || die
	cp "${FILESDIR}"/* "${S}" || die
}

distutils-r1_src_compile() {
	local _DISTUTILS_INITIAL_CWD=${PWD} call=distutils-r1_python_compile
	declare -F python_compile >/dev/null && call=python_compile
	python_foreach_impl distutils-r1_run_phase "${call}"
}

distutils-r1_src_install() {
	local _DISTUTILS_INITIAL_CWD=${PWD} call=distutils-r1_python_install
	declare -F python_install >/dev/null && call=python_install
	python_foreach_impl distutils-r1_run_phase "${call}"
}

distutils-r1_run_phase() {
	local -x LDSHARED="${CC:-gcc} -shared"
	"${@}"
	local status=${?}
	cd "${_DISTUTILS_INITIAL_CWD}" || die
	return "${status}"
}

distutils-r1_python_compile() {
	local wheel root=${BUILD_DIR}/install
	mkdir -p "${BUILD_DIR}" || die
	if [[ -f setup.py || -f pyproject.toml ]]; then
		_distutils-r1_build_with_pip "${root}"
		return
	fi
	for wheel in "${!DISTUTILS_WHEELS[@]}"; do
		if [[ ! ${DISTUTILS_EXT} && ${DISTUTILS_ALLOW_WHEEL_REUSE} ]]; then
			einfo "  using ${wheel##*/work/}"
			_distutils-r1_install_wheel "${wheel}" "${root}"
			return
		fi
	done

	wheel=${BUILD_DIR}/wheel
	mkdir -p "${wheel}/site" "${wheel}/bin" || die
	_distutils-r1_build "${wheel}/site" || die "the build failed"
	sed "s|@PYTHON@|${PYTHON}|" sample-script > "${wheel}/bin/sample-script" || die
	chmod 755 "${wheel}/bin/sample-script" || die
	_distutils-r1_install_wheel "${wheel}" "${root}"
	DISTUTILS_WHEELS[${wheel}]=${PWD}
	DISTUTILS_WHEEL_PATH=${wheel}
	_DISTUTILS_WHL_INSTALLED=1
}

# A real package, for the bench.
_distutils-r1_build_with_pip() {
	local -x DIST_EXTRA_CONFIG=${BUILD_DIR}/extra-setup.cfg
	printf '[build]\nbuild_base = %s/build\n' "${BUILD_DIR}" > "${DIST_EXTRA_CONFIG}" || die
	# PYTHON is a script; pip writes its name into scripts.
	"${PYTHON}" -m pip install --no-deps --ignore-installed --no-compile --no-build-isolation --no-cache-dir \
		--disable-pip-version-check --prefix="${EPREFIX}/usr" --root="${1}" . || die "pip failed"
	mkdir -p "${1}${EPREFIX}/usr/bin" || die
}

# One generated source of a fixed name in the source tree, as Cython writes it.
_distutils-r1_build() {
	cp sample.py "${1}" || return
	[[ ${DISTUTILS_EXT} ]] || return 0
	local includes suffix
	includes=$("${PYTHON}" -c 'import sysconfig; print(sysconfig.get_path("include"))') || return
	suffix=$("${PYTHON}" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))') || return
	sed "s/@EPYTHON@/${EPYTHON}/" _sample.c.in > _sample.c || return
	declare -F between_generating_and_compiling >/dev/null && between_generating_and_compiling
	# shellcheck disable=SC2086
	${LDSHARED} ${CFLAGS} -fPIC -I"${includes}" -o "${1}/_sample${suffix}" _sample.c || return
	mkdir -p sample.egg-info && echo "Generator: ${EPYTHON}" > sample.egg-info/PKG-INFO
}

_distutils-r1_install_wheel() {
	local sitedir
	sitedir=$(python_get_sitedir) || die
	mkdir -p "${2}${sitedir}" "${2}${EPREFIX}"/usr/{bin,share/sample} || die
	cp "${1}"/site/* "${2}${sitedir}" || die
	"${PYTHON}" -m compileall -q -d "${sitedir}" "${2}${sitedir}" || die
	sed "1s|.*|#!${PYTHON}|" "${1}/bin/sample-script" > "${2}${EPREFIX}/usr/bin/sample-script" || die
	chmod 755 "${2}${EPREFIX}/usr/bin/sample-script" || die
	cp data.txt "${2}${EPREFIX}/usr/share/sample/" || die
}

# Files of fixed names in ${T}, a merge inside the function, links to the dispatcher: as the original.
distutils-r1_python_install() {
	local scripts=${EPREFIX}/usr/lib/python-exec/${EPYTHON} root=${BUILD_DIR}/install name
	mkdir -p "${root}${scripts}" || die
	find "${root}${EPREFIX}/usr/bin" -type f -exec mv -t "${root}${scripts}" {} + || die
	rmdir "${root}${EPREFIX}/usr/bin" || die
	ls "${root}${scripts}" > "${T}/.distutils-files-wrapped" || die
	multibuild_merge_root "${root}" "${D}"
	while read -r name; do
		dosym ../lib/python-exec/python-exec2 "/usr/bin/${name}"
	done < "${T}/.distutils-files-wrapped"
}

fi

EXPORT_FUNCTIONS src_unpack src_compile src_install

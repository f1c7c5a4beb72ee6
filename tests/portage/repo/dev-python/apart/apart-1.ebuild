# shellcheck shell=bash disable=SC2034,SC2153
EAPI=8

inherit py-multibuild python-r1

DESCRIPTION="Compiles in places that cannot be copied, and in one that is a link"
HOMEPAGE="https://example.org/"
LICENSE="MIT"
SLOT="0"
KEYWORDS="amd64"

src_unpack() {
	mkdir -p "${S}" "${WORKDIR}"/{second,tree/below,deep} || die
	echo pristine > "${WORKDIR}/tree/source" || die
	ln -s tree "${WORKDIR}/link" || die
	ln -s "${WORKDIR}/tree" "${WORKDIR}/deep/link" || die
	ln -s "${WORKDIR}/second" "${S}/leads-out" || die
}

src_compile() {
	local BUILD_DIR=${WORKDIR}/build place
	for place in second apart-1/leads-out; do
		cd "${WORKDIR}/${place}" || die
		look "${place}"
	done
	local S
	for S in "${WORKDIR}"/{/second,second/.,apart-1/../second,deep/link,missing}; do
		cd "${WORKDIR}/second" || die
		[[ ! -d ${S} ]] || cd "${S}" || die
		look "${S#"${WORKDIR}/"}"
	done
	S=${WORKDIR}/link
	in_a_link
}

# Says whether the variants ran in this shell, one after another.
look() {
	local IN_ORDER=
	python_foreach_impl note
	echo "in ${1}:${IN_ORDER}"
}

note() {
	IN_ORDER+=" ${EPYTHON}"
}

in_a_link() {
	local flags="-I${S}/below -L${S}" other="${S}-other"
	local -a places=( "${S}" "${S}/below" )
	local PATH=${S}/below:${PATH}
	local meeting
	for meeting in {there,physically}-{before,after}; do
		prepare_to_meet "-${meeting}"
	done
	cd "${S}/below" || die
	python_foreach_impl alter there "${S}/source"
	cd -P . || die
	python_foreach_impl alter physically "${S}/source"
	echo "link: $(< "${S}/source") $(cd "${S}" && echo made-by-*)"
}

alter() {
	meet_the_others "-${1}-before"
	echo "${EPYTHON}" > "${2}" || die
	echo "${EPYTHON}" > "../made-by-${EPYTHON}" || die
	meet_the_others "-${1}-after"
	echo "own: $(< ../source) $(< "${places[0]}/source")" \
		"${flags//"${S}"/S} ${other/#"${WORKDIR}"/W} ${places[1]/#"${S}"/S}" \
		"$([[ :${PATH}: == *:"${S}/below":* ]] && echo path)"
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # what is not set here, the driver sets
# Configure and build.  One O= directory for each source and flavour, kept.
#
# build_kernel sets objects (that directory).

# check_config WANTED ACTUAL: prints what was asked for and is not so.
check_config() {
	awk '
	function value(line) { return line ~ / is not set$/ ? "n" : substr(line, index(line, "=") + 1) }
	function option(line) { match(line, /CONFIG_[A-Za-z0-9_]+/); return substr(line, RSTART, RLENGTH) }
	!/^(# )?CONFIG_[A-Za-z0-9_]+(=| is not set$)/ { next }
	FNR == NR { wanted[option($0)] = value($0); next }
	{ actual[option($0)] = value($0) }
	END {
		for (o in wanted) {
			got = o in actual ? actual[o] : "n"
			if (got != wanted[o])
				print o "=" wanted[o] " was asked for, it is " got
		}
	}' "$1" "$2" | sort
}

build_kernel() {
	local fragments=("$here/config/base.config" "$here/config/$kver.config"
		"$here/config/$FLAVOUR.config") fragment key refused make
	begin build "$name $FLAVOUR"
	if [ -n "$ours" ]; then
		fragments+=("$here/config/ours.config")
		[ ! -e "$here/config/ours-$FLAVOUR.config" ] ||
			fragments+=("$here/config/ours-$FLAVOUR.config")
	fi
	# shellcheck disable=SC2206
	fragments+=($CONFIGS)
	for fragment in "${fragments[@]}"; do
		[ -r "$fragment" ] || die "no configuration fragment $fragment"
	done
	objects=$cache/build/$name/$FLAVOUR
	mkdir -p "$objects"
	lock_file "$objects.lock"
	key=$({ cgit -C "$tree" rev-parse 'HEAD^{tree}'; $CC --version; cat "${fragments[@]}"; } | sha256sum)
	if [ "$(cat "$objects/rig.key" 2>/dev/null)" = "$key" ]; then
		finish cached
		return
	fi
	need_space "$objects" 800
	rm -f "$objects/rig.key"
	cat "${fragments[@]}" >"$objects/rig.config"
	make=(nice -n 10 make -C "$tree" O="$objects" ARCH=x86 CC="$CC" LOCALVERSION=
		KBUILD_BUILD_USER=rig KBUILD_BUILD_HOST=rig -j "$JOBS")
	run 300 env KCONFIG_ALLCONFIG="$objects/rig.config" "${make[@]}" allnoconfig
	refused=$(check_config "$objects/rig.config" "$objects/.config")
	[ -z "$refused" ] || die "options that did not stick:
$refused"
	run "$BUILD_TIMEOUT" "${make[@]}" bzImage modules
	echo "$key" >"$objects/rig.key"
	finish
}

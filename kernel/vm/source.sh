# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # what is not set here, the driver sets
# Sources: Debian's package or the user's own tree, and a series on top.
#
# $cache/src/NAME.git	what git knows of one kernel; the branch "base" is the
#			kernel as it came, "series/S" has the series S on top
# $cache/src/NAME	work tree of base
# $cache/src/NAME+S	work tree of series/S
#
# The functions set kver (5.10), name, repo and tree (what is to be built).

# In the cache the user's own git settings (signing, hooks, line ends) must not
# matter, and equal sources shall be equal commits.
cache_git=(env GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
	GIT_AUTHOR_NAME=rig GIT_AUTHOR_EMAIL=rig@localhost GIT_AUTHOR_DATE=1000000000+0000
	GIT_COMMITTER_NAME=rig GIT_COMMITTER_EMAIL=rig@localhost GIT_COMMITTER_DATE=1000000000+0000
	git)

cgit() {
	"${cache_git[@]}" "$@" 2>>"${log:-/dev/null}"
}

# lookup VERSION: sets kver, package, tested and suites from the table.
lookup() {
	local entry
	kver=$(echo "$1" | cut -d- -f1 | cut -d. -f1,2)
	entry=$(table versions | awk -v v="$kver" '$1 == v')
	[ -n "$entry" ] || die "unknown kernel version '$1'; known are:" \
		"$(table versions | awk '{ printf "%s%s", sep, $1; sep = ", " }')"
	read -r _ package tested suites <<<"$entry"
}

# tree_version DIRECTORY: 5.10.223
tree_version() {
	awk '$2 == "=" && /^(VERSION|PATCHLEVEL|SUBLEVEL) / { v = v sep $3; sep = "." }
	     END { print v }' "$1/Makefile" 2>/dev/null || :
}

# mirror LABEL ENDING: the archive that the system's own apt uses.
mirror() {
	local list=(apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages')
	{ "${list[@]}" "Label: $1"; "${list[@]}" | grep "/$2/*\$"; } 2>/dev/null | awk 'NR == 1'
}

# Private apt: its own sources, lists and cache.  Nothing of the system changes
# and no rights are needed; the system's apt.conf is read, for its proxy.
setup_apt() {
	local main security suite
	local by=/usr/share/keyrings/debian-archive-keyring.gpg
	main=${DEBIAN_MIRROR:-$(mirror Debian debian)}
	security=${DEBIAN_SECURITY_MIRROR:-$(mirror Debian-Security debian-security)}
	[ -n "$main" ] || cannot "this system's apt names no Debian mirror; say DEBIAN_MIRROR=URL"
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
	: >"$apt/status"
	for suite in $suites; do
		case $suite in
		security/*)
			[ -z "$security" ] ||
				echo "deb [signed-by=$by] $security ${suite#*/} main" ;;
		*)
			echo "deb [signed-by=$by] $main $suite main" ;;
		esac
	done >"$apt/sources.list"
	# An archived suite is past its date; its signature counts all the same.
	cat >"$apt/apt.conf" <<-EOF
	#clear APT::Update::Post-Invoke;
	#clear APT::Update::Post-Invoke-Success;
	Dir::Etc::sourcelist "$apt/sources.list";
	Dir::Etc::sourceparts "/dev/null";
	Dir::Etc::preferences "/dev/null";
	Dir::Etc::preferencesparts "/dev/null";
	Dir::State "$apt";
	Dir::State::status "$apt/status";
	Dir::Cache "$apt/cache";
	APT::Sandbox::User "root";
	Acquire::Check-Valid-Until "false";
	Acquire::Languages "none";
	EOF
}

# download DEB: exactly the version that was asked for, or none.
download() {
	local apt=$cache/apt/$name offered
	need_space "$cache" 400
	setup_apt
	# One suite of several may be gone: what is offered counts.
	bounded 600 apt-get -c "$apt/apt.conf" update || :
	offered=$(apt-cache -c "$apt/apt.conf" madison "$package" 2>>"$log" | awk '{ printf " %s", $3 }')
	[ -n "$offered" ] || cannot "no $package found in: $suites
  other mirrors: DEBIAN_MIRROR=URL DEBIAN_SECURITY_MIRROR=URL"
	mkdir -p "$cache/debs"
	bounded 1200 env -C "$apt" apt-get -c "$apt/apt.conf" download "$package=$name" ||
		cannot "cannot get $package $name; KVERSION=V takes another one (untested) of:$offered"
	mv "$apt/"*.deb "$1"
	rm -rf "$apt"
}

# A repository with nothing in it but an empty commit.  Big-file treatment
# makes "git add" write one pack instead of 70,000 files.
create_repo() {
	rm -rf "$repo" "$tree"
	cgit init -q --bare "$repo"
	cgit --git-dir="$repo" config core.bigFileThreshold 1
	cgit --git-dir="$repo" config core.compression 1
	cgit --git-dir="$repo" config gc.auto 0
	cgit --git-dir="$repo" update-ref refs/heads/empty "$(cgit --git-dir="$repo" \
		commit-tree -m empty "$(cgit --git-dir="$repo" mktree </dev/null)")"
}

# checkout DIRECTORY COMMIT: touches only files that differ, so that an
# incremental build stays one.
checkout() {
	[ -e "$1/.git" ] || {
		need_space "$cache" 1500
		rm -rf "$1"
		run 60 "${cache_git[@]}" --git-dir="$repo" worktree add -f -q --detach \
			--no-checkout "$1" empty
	}
	run 600 "${cache_git[@]}" -C "$1" checkout -q -f --detach "$2"
}

has_branch() {
	cgit --git-dir="$repo" rev-parse -q --verify "refs/heads/$1" >>"$log"
}

fetch_debian() {
	local deb
	lookup "$KVERSION"
	case $KVERSION in
	*-*) name=$KVERSION ;;
	*) name=$tested ;;
	esac
	repo=$cache/src/$name.git tree=$cache/src/$name
	deb=$cache/debs/${package}_${name}_all.deb
	begin fetch "$package $name"
	mkdir -p "$cache/src"
	lock_file "$tree.lock"
	if [ -d "$tree" ] && has_branch base; then
		finish cached
		return
	fi
	[ -e "$deb" ] || download "$deb"
	need_space "$cache" 2000
	create_repo
	checkout "$tree" empty
	run 600 sh -c "dpkg-deb --fsys-tarfile '$deb' |
		tar -xOf - './usr/src/$package.tar.xz' | tar -xJf - --strip-components=1 -C '$tree'"
	run 600 "${cache_git[@]}" -C "$tree" add -A -f
	run 60 "${cache_git[@]}" -C "$tree" commit -q -m "$package $name"
	cgit -C "$tree" update-ref refs/heads/base HEAD
	finish
}

# The user's own tree: its files, uncommitted changes included, are recorded in
# the cache's repository through an index of ours; the tree is only read.
fetch_ksrc() {
	local version commit id snapshot
	version=$(tree_version "$KSRC")
	[ -n "$version" ] || die "KSRC=$KSRC is no kernel tree: no version in its Makefile"
	lookup "$version"
	name=$version-$(basename "$KSRC" | tr -c 'A-Za-z0-9.\n' -)-$(echo "$KSRC" | cksum | cut -d' ' -f1)
	repo=$cache/src/$name.git tree=$cache/src/$name
	begin fetch "$KSRC ($version)"
	mkdir -p "$cache/src"
	lock_file "$tree.lock"
	has_branch empty || create_repo
	need_space "$cache" 2000
	snapshot=(env GIT_INDEX_FILE="$repo/snapshot.index" "${cache_git[@]}"
		-C "$KSRC" --git-dir="$repo" --work-tree=.)
	run 600 "${snapshot[@]}" add -A
	# Files that the user's git tracks although .gitignore names them.
	if git -C "$KSRC" ls-files -z >"$repo/files" 2>>"$log"; then
		input=$repo/files run 600 "${snapshot[@]}" update-index -z --add --remove --stdin
	fi
	id=$("${snapshot[@]}" write-tree)
	commit=$(cgit --git-dir="$repo" commit-tree -m "$version" "$id")
	if [ -d "$tree" ] && [ "$commit" = "$(cgit --git-dir="$repo" rev-parse -q --verify refs/heads/base)" ]; then
		finish unchanged
		return
	fi
	checkout "$tree" "$commit"
	cgit --git-dir="$repo" update-ref refs/heads/base "$commit"
	finish
}

# Sets patches, and SERIES if that is ours.
list_patches() {
	if [ "$SERIES" = ours ]; then
		SERIES=$(realpath -m -- "$here/../patches/v$kver")
		[ -d "$SERIES" ] || die "this project has no series for kernel $kver"
	fi
	[ -d "$SERIES" ] || die "SERIES=$SERIES is no directory"
	patches=("$SERIES"/*.patch)
	[ -e "${patches[0]}" ] || die "SERIES=$SERIES has no *.patch"
}

# already_applied GIT...: to what is in that index?
already_applied() {
	local reversed=() patch
	for patch in "${patches[@]}"; do
		reversed=("$patch" "${reversed[@]}")
	done
	bounded 120 "$@" apply -R --check --cached "${reversed[@]}"
}

# am GIT...: all patches or none.  On failure sets bad to the culprit.
am() {
	local number
	undo=("$@" am --abort)
	bounded 600 "$@" am -q "${patches[@]}" || {
		number=$(cat "$("$@" rev-parse --absolute-git-dir)/rebase-apply/next" 2>/dev/null) || number=1
		bad=$(basename "${patches[number - 1]}")
		bounded 120 "${undo[@]}" || :
	}
	undo=()
	[ -z "${bad:-}" ]
}

# A series on top of base, in the cache.  "git am" works in a scratch tree that
# holds only the files concerned.
apply_series() {
	local label key scratch=$tree.am bad
	[ -n "$SERIES" ] || return 0
	list_patches
	label=$(basename "$SERIES")
	begin apply "$label (${#patches[@]} patches) on $name"
	lock_file "$tree.lock"
	key=$({ cgit --git-dir="$repo" rev-parse base; cat "${patches[@]}"; } | sha256sum)
	tree=$tree+$label
	if [ -e "$tree/.git" ] && [ "$(cat "$tree.key" 2>/dev/null)" = "$key" ]; then
		name=$name+$label
		finish cached
		return
	fi
	rm -rf "$scratch" "$tree.key"
	run 60 "${cache_git[@]}" --git-dir="$repo" worktree add -f -q --detach --no-checkout "$scratch" base
	run 60 "${cache_git[@]}" -C "$scratch" read-tree base
	if already_applied "${cache_git[@]}" -C "$scratch"; then
		tree=${tree%+"$label"}
		finish "already in there"
		return
	fi
	sed -n 's|^diff --git a/\(.*\) b/\(.*\)$|/\1\n/\2|p' "${patches[@]}" | sort -u >"$scratch.paths"
	input=$scratch.paths run 60 "${cache_git[@]}" -C "$scratch" sparse-checkout set --no-cone --stdin
	run 60 "${cache_git[@]}" -C "$scratch" checkout -q
	am "${cache_git[@]}" -C "$scratch" || die "git am stopped at $bad: it does not fit $name"
	cgit -C "$scratch" update-ref "refs/heads/series/$label" HEAD
	rm -rf "$scratch" "$scratch.paths"
	checkout "$tree" "series/$label"
	echo "$key" >"$tree.key"
	name=$name+$label
	finish
}

# The same into the user's own tree: all of it, or the tree stays as it was.
apply_ksrc() {
	local version head state bad
	version=$(tree_version "$KSRC")
	[ -n "$version" ] || die "KSRC=$KSRC is no kernel tree: no version in its Makefile"
	lookup "$version"
	SERIES=${SERIES:-ours}
	list_patches
	begin apply "$(basename "$SERIES") (${#patches[@]} patches) to $KSRC ($version)"
	[ "$(git -C "$KSRC" rev-parse --show-toplevel 2>>"$log")" = "$KSRC" ] ||
		die "$KSRC is not the top of a git tree"
	for state in rebase-apply rebase-merge MERGE_HEAD; do
		! [ -e "$(git -C "$KSRC" rev-parse --absolute-git-dir)/$state" ] ||
			die "$KSRC has an unfinished am, rebase or merge: finish it first"
	done
	[ -z "$(git -C "$KSRC" status --porcelain --untracked-files=no)" ] ||
		die "$KSRC has uncommitted changes: commit or stash them first"
	if already_applied git -C "$KSRC"; then
		finish "already in there"
		return
	fi
	head=$(git -C "$KSRC" rev-parse HEAD)
	am git -C "$KSRC" || {
		[ "$(git -C "$KSRC" rev-parse HEAD)" = "$head" ] ||
			die "git am stopped at $bad and could not go back; your tree was at $head"
		die "git am stopped at $bad; $KSRC is as it was"
	}
	finish
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # what is not set here, the driver sets
# Initramfs and boot.  A run leaves in $RUN: bzImage, initramfs.cpio.gz,
# console.log (the kernel, ttyS0), test.log (the script, ttyS1), ktap.log.

# put FILE DESTINATION: into the guest, with the libraries that it needs.
put() {
	local library
	mkdir -p "$root$(dirname "$2")"
	cp -rL "$1" "$root$2"
	head -c 4 "$1" 2>/dev/null | grep -q ELF || return 0
	for library in $(ldd "$1" 2>/dev/null | awk '$2 == "=>" { print $3 } $1 ~ /^\// { print $1 }'); do
		[ -e "$root$library" ] || {
			mkdir -p "$root$(dirname "$library")"
			cp -L "$library" "$root$library"
		}
	done
}

# XFS, too, as every kernel from 5.10 on mounts it; reflink excludes DAX before 6.0.
xfs_features() {
	local feature usage
	usage=$(mkfs.xfs --help 2>&1 | tr -d '\0' || :)
	for feature in metadata/{reflink,bigtime,inobtcount,rmapbt,metadir} inode/{nrext64,exchange} naming/parent; do
		if grep -q -w "${feature#*/}=0" <<<"$usage"; then
			printf '[%s]\n%s=0\n' "${feature%/*}" "${feature#*/}"
		fi
	done
}

make_initramfs() {
	local program file dest
	begin initramfs "$(basename "$SCRIPT")"
	[ -r "$SCRIPT" ] || die "SCRIPT=$SCRIPT: no such file"
	need_space "$RUN" 200
	root=$RUN/root
	rm -rf "$root"
	mkdir -p "$root"/{proc,sys,dev,tmp,mnt,etc,rig,usr/bin,usr/sbin,usr/lib,usr/lib64}
	for dest in bin sbin lib lib64; do
		ln -s "usr/$dest" "$root/$dest"
	done
	put "$(command -v busybox)" /bin/busybox
	for program in mke2fs e2fsck tune2fs debugfs mkfs.xfs xfs_repair xfs_db xfs_io; do
		put "$(command -v "$program")" "/sbin/$program"
	done
	put "$here/guest/init" /init
	put "$here/guest/lib.sh" /rig/lib.sh
	put "$SCRIPT" /rig/script
	chmod 755 "$root/init" "$root/rig/script"
	put "$here/guest/mke2fs.conf" /etc/mke2fs.conf
	xfs_features >"$root/etc/mkfs.xfs.conf"
	for file in $FILES; do
		dest=/rig/$(basename "${file%%:*}")
		[ "${file#*:}" = "$file" ] || dest=${file#*:}
		[ -e "${file%%:*}" ] || die "FILES: no such file: ${file%%:*}"
		put "${file%%:*}" "$dest"
	done
	while read -r file; do
		put "$objects/${file%.*}.ko" "/rig/modules/$(basename "${file%.*}").ko"
	done <"$objects/modules.order"
	run 120 sh -c "cd '$root' && find . | cpio -o -H newc -R 0:0 --quiet | gzip -1 >'$RUN/initramfs.cpio.gz'"
	rm -rf "$root"
	finish
}

boot() {
	local status=0 verdict=good
	begin boot "$name $FLAVOUR $(basename "$SCRIPT")"
	rm -f "$RUN"/*.log
	cp "$objects/arch/x86/boot/bzImage" "$RUN/bzImage"
	# A guest that prints without end must not fill the disk. And where the
	# host is busy, the kernel's test of the timer interrupt fails now and then.
	ulimit -f 1000000
	bounded "$TIMEOUT" qemu-system-x86_64 -accel "$ACCEL" -cpu max -smp "$CPUS" \
		-m 2G -nodefaults -display none -no-reboot \
		-serial "file:$RUN/console.log" -serial "file:$RUN/test.log" \
		-kernel "$RUN/bzImage" -initrd "$RUN/initramfs.cpio.gz" -append \
		"console=ttyS0 panic=-1 no_timer_check rdinit=/init memmap=$PMEM!1G rig.timeout=$TIMEOUT $APPEND" ||
		status=$?
	case $status in
	0|124|137) ;;
	*) die "qemu failed with status $status" ;;
	esac
	{
		[ "$status" = 0 ] || echo "no end within $TIMEOUT s"
		FLAVOUR=$FLAVOUR EXPECT=$EXPECT SPLAT=$SPLAT "$here/judge" "$RUN" && [ "$status" = 0 ]
	} >"$RUN/verdict" || verdict=bad
	if [ $verdict = good ]; then
		finish "$(tail -n 1 "$RUN/verdict"), $SECONDS s"
	else
		finish "FAILED, $SECONDS s"
		sed 's/^/  /' "$RUN/verdict"
		echo "  logs: $RUN/console.log $RUN/test.log"
		exit 1
	fi
}

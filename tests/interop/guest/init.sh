#!/bin/busybox sh
# The first process of the guest. Its arguments are the steps to take, in their order; then it powers off.
#
# What it knows it says on the second serial port, a line for each fact, behind "= ". Anything else
# that comes there is what a tool complains about. The first serial port is the kernel's.
#
# A file is told as synced once fsync(2) has returned for it, so once the guest's FLUSH was answered.

set -eu
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
exec < /dev/null > /dev/ttyS1 2>&1
trap 'poweroff -nf' EXIT # -n: no sync, for the disk may be gone

say() {
    echo "= $*"
}

# Numbers that count up, so that no two sectors of all files are the same.
content() { # writer file
    seq $(($1 * 100000000 + $2 * 100000)) 999999999 | head -c $(($2 * 7919 * $1 % 250000 + 1))
}

writer() { # writer files
    for file in $(seq $2); do
        say begun $1 $file
        content $1 $file | dd of=/mnt/$1/$file bs=64k iflag=fullblock conv=fsync 2> /dev/null || return
        say synced $1 $file
        rm -f /mnt/$1/$((file - KEPT)) # which frees space, so that the disk is told to discard it
    done
}

format() {
    mkfs.ext4 -q -F /dev/vda
}

write() {
    mount -t ext4 -o discard /dev/vda /mnt
    for number in $(seq "$WRITERS"); do
        mkdir "/mnt/$number"
    done
    for number in $(seq "$WRITERS"); do
        writer "$number" "$FILES" &
    done
    wait
    say written
}

unmount() {
    umount /mnt
    say unmounted
}

verify() {
    mount -t ext4 /dev/vda /mnt
    if dmesg | grep -q 'EXT4-fs (vda): recovery complete'; then say recovered; fi
    for path in /mnt/[0-9]*/*; do
        set -- ${path#/mnt/}
        number=${1%/*} file=${1#*/}
        if content "$number" "$file" | cmp -s - "$path"; then say whole "$number" "$file"; else say broken "$number" "$file"; fi
    done
}

check() {
    if e2fsck -f -n /dev/vda; then say clean; else say faulty; fi
}

for module in $(cat /modules/order); do
    insmod "/modules/$module"
done
say up
for step in "$@"; do
    "$step"
done
say "done"

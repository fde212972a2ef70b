#!/bin/bash
# Boot this machine's own systemd as PID 1 of new namespaces, on a throw-away copy of its files.
#
#   boot.sh DIRECTORY         runs in the foreground until it is killed; needs root
#
# What is written goes to a tmpfs on DIRECTORY (overlayfs: copy on write); /run, /tmp, /var/log and
# /etc/systemd/system start empty. There is a network with nothing but a loopback interface. Nothing
# of the host changes but a child of the control group that this runs in, whose path is put into
# DIRECTORY/cgroup; whoever kills this removes it.
set -eu
dir=$1
group=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)/tailws-test-$$
mkdir "$group"
echo "$group" >"$dir/cgroup"
echo $$ >"$group/cgroup.procs"

exec setpriv --pdeathsig KILL \
  unshare --pid --mount --uts --ipc --net --cgroup --fork --kill-child=KILL --propagation private \
  bash -eu -c '
tmpfs() { mount -t tmpfs -o "mode=$1" tmpfs "$2"; }
dir=$1
tmpfs 755 "$dir"
mkdir "$dir"/{changes,work,root}
root=$dir/root
mount -t overlay -o "lowerdir=/,upperdir=$dir/changes,workdir=$dir/work" overlay "$root"
ip link set lo up
echo 512 >/proc/sys/net/unix/max_dgram_qlen # as PID 1 does; each network namespace has its own

mount -t proc proc "$root/proc"
# What of it is not in any namespace is for reading only.
for shared in sys sysrq-trigger; do
  [ -e "$root/proc/$shared" ] || continue
  mount --bind "$root/proc/$shared" "$root/proc/$shared"
  mount -o remount,bind,ro "$root/proc/$shared"
done
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
tmpfs 755 "$root/dev"
for device in null zero full random urandom tty; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
tmpfs 1777 "$root/dev/shm"
tmpfs 755 "$root/run"
tmpfs 1777 "$root/tmp"
tmpfs 755 "$root/var/log" # inotify loses events of files that overlayfs copies

# Of the units that the host has enabled only the journal is wanted, and D-Bus where it is there.
units=$root/usr/lib/systemd/system
tmpfs 755 "$root/etc/systemd/system"
for target in sysinit sockets timers; do
  [ ! -d "$units/$target.target.wants" ] || tmpfs 755 "$units/$target.target.wants"
done
ln -s ../systemd-journald.service "$units/sysinit.target.wants/"
ln -s ../systemd-journald.socket ../systemd-journald-dev-log.socket "$units/sockets.target.wants/"
[ ! -e "$units/dbus.socket" ] || ln -s ../dbus.socket "$units/sockets.target.wants/"
ln -s /dev/null "$root/etc/systemd/system/systemd-journald-audit.socket" # the kernel has one switch
[ -s "$root/etc/machine-id" ] || tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
: >"$root/etc/fstab"
rm -f "$root/usr/sbin/policy-rc.d" # containers forbid packages to start services
mkdir -p "$root/etc/systemd/journald.conf.d" "$root/etc/systemd/system.conf.d"
printf "[Journal]\nStorage=volatile\nRateLimitBurst=0\nReadKMsg=no\nAudit=no\n" \
  >"$root/etc/systemd/journald.conf.d/test.conf"
printf "[Manager]\nDefaultTimeoutStartSec=40s\nDefaultTimeoutStopSec=20s\n" \
  >"$root/etc/systemd/system.conf.d/test.conf"

mkdir -p "$root/.old"
cd "$root"
pivot_root . .old
cd /
umount -l /.old
rmdir /.old
mount --make-rshared / # as systemd expects it: credentials are mounts that services see
exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  LANG=C.UTF-8 /lib/systemd/systemd --system --unit=basic.target --log-target=journal --show-status=no
' boot "$dir"

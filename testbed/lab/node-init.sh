#!/bin/bash
# First process of a lab node: makes the node's own file system, moves into it, and then only reaps processes.
# Called in new namespaces for mounts, processes, network, host name and IPC, with mounts private:
#   node-init.sh <root folder> <node name> <device root> <boot id> <folder of programs>...
# Of the machine only /dev and /sys are writable here. /run, /tmp and /proc end with the node's power;
# /var and /etc outlive it.
set -eu
root=$1 name=$2 devices=$3 boot_id=$4
shift 4

mkdir -p "$root"
mount --bind "$root" "$root"
cd "$root"
rm -rf --one-file-system tmp
mkdir -p etc var/lib/kubelet var/lib/containerd var/log run tmp proc sys dev before
chmod 1777 tmp

for folder in bin sbin lib lib32 lib64 usr; do
  if [ -L "/$folder" ]; then
    ln -sfn "$(readlink "/$folder")" "$folder"
  elif [ -d "/$folder" ]; then
    mkdir -p "$folder"
    mount --rbind -o ro "/$folder" "$folder"
  fi
done
for folder in /etc/alternatives "$@"; do
  [ -d "$folder" ] || continue
  mkdir -p ".$folder"
  mount --bind -o ro "$folder" ".$folder"
done
for file in passwd group nsswitch.conf ld.so.cache ld.so.conf ld.so.conf.d os-release mke2fs.conf; do
  if [ -e "/etc/$file" ]; then cp -rL "/etc/$file" etc/; fi
done
echo "$name" > etc/hostname
echo "127.0.0.1 localhost $name" > etc/hosts
: > etc/resolv.conf
ln -sfn /proc/self/mounts etc/mtab
[ -s etc/machine-id ] || tr -d - < /proc/sys/kernel/random/uuid > etc/machine-id

mount -t tmpfs -o mode=755 tmpfs run
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs tmpfs dev/shm
mount --bind "$devices/dev/disk" dev/disk

# Settings that a kubelet would change for the whole machine look as if they were set already.
# Each boot of the node has its own boot id.
show() {
  mkdir -p run/shown
  echo "$2" > "run/shown/${1//\//.}"
  mount --bind "run/shown/${1//\//.}" "proc/sys/$1"
}
show vm/overcommit_memory 1
show vm/panic_on_oom 0
show kernel/panic 10
show kernel/panic_on_oops 1
show kernel/keys/root_maxkeys 1000000
show kernel/keys/root_maxbytes 25000000
show kernel/random/boot_id "$boot_id"

hostname "$name"
pivot_root . before
umount -l /before
rmdir /before
# Kubelets propagate mounts to pods and back.
mount --make-rshared /
touch /run/booted
while :; do sleep infinity; done

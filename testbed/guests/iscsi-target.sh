# Serves the guest's first SCSI disk to other guests, by the iSCSI target of its kernel: that has persistent
# reservations (SPC-4), and gives each initiator name a registration of its own.
set -e
busybox ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
busybox mount -t configfs configfs /sys/kernel/config
cd /sys/kernel/config/target
store=core/iblock_0/disk
group=iscsi/iqn.2026-11.test:disk/tpgt_1
mkdir -p "$store" "$group"
while [ ! -b /dev/sda ]; do sleep 0.05; done
echo udev_path=/dev/sda > "$store/control"
echo guests-disk > "$store/wwn/vpd_unit_serial"
echo 1 > "$store/enable"
mkdir "$group/lun/lun_0"
ln -s "$PWD/$store" "$group/lun/lun_0/disk"
echo 0 > "$group/attrib/authentication"
for initiator in a b c; do
  access=$group/acls/iqn.2026-11.test:$initiator
  mkdir -p "$access/lun_0"
  ln -s "$PWD/$group/lun/lun_0" "$access/lun_0/disk"
  echo 0 > "$access/lun_0/write_protect"
done
mkdir "$group/np/0.0.0.0:3260"
echo 1 > "$group/enable"
echo served
# Until the machine is ended.
cat /dev/vport0p3

import assert from "node:assert/strict";
import { it } from "node:test";
import { moduleOrder } from "./module-order.ts";

const DEPENDENCIES = `kernel/a/scsi_mod.ko: kernel/a/scsi_common.ko
kernel/a/scsi_common.ko:
kernel/b/virtio_scsi.ko: kernel/a/scsi_mod.ko kernel/a/scsi_common.ko kernel/b/virtio.ko
kernel/b/virtio.ko: kernel/b/virtio_ring.ko
kernel/b/virtio_ring.ko:
kernel/c/unused.ko:
`;

it("loads every kernel module once, after those that it depends on", () => {
  assert.deepEqual(moduleOrder(DEPENDENCIES, ["virtio", "virtio_scsi"]), [
    "kernel/b/virtio_ring.ko",
    "kernel/b/virtio.ko",
    "kernel/a/scsi_common.ko",
    "kernel/a/scsi_mod.ko",
    "kernel/b/virtio_scsi.ko",
  ]);
});

it("refuses a kernel module that the kernel lacks", () => {
  assert.throws(() => moduleOrder(DEPENDENCIES, ["xfs"]), /no module xfs/u);
});

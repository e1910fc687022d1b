import assert from "node:assert/strict";
import { it } from "node:test";
import { parseBtrfsSuper } from "./parse-btrfs-super.ts";

/** Lines of btrfs-progs 6.2, in their order. */
function dump({ flags = "0x1", label = "", devices = 1 }): string {
  return [
    "superblock: bytenr=65536, device=/dev/sdc",
    "---------------------------------------------------------",
    `flags\t\t\t${flags}`,
    "\t\t\t( WRITTEN )",
    "magic\t\t\t_BHRfS_M [match]",
    `label\t\t\t${label}`,
    "generation\t\t6",
    `num_devices\t\t${devices}`,
    "dev_item.devid\t\t1",
    "",
  ].join("\n");
}

it("reads on how many devices a btrfs is", () => {
  assert.deepEqual(parseBtrfsSuper(dump({})), { deviceCount: 1, isSeed: false });
  assert.deepEqual(parseBtrfsSuper(dump({ devices: 12 })), { deviceCount: 12, isSeed: false });
});

it("recognizes a seed", () =>
  assert.deepEqual(parseBtrfsSuper(dump({ flags: "0x100000001" })), { deviceCount: 1, isSeed: true }));

it("does not believe a label that looks like the number of devices", () =>
  assert.deepEqual(parseBtrfsSuper(dump({ label: "a\nnum_devices\t\t1\nflags\t\t\t0x1", devices: 2 })), {
    deviceCount: 2,
    isSeed: false,
  }));

it("answers nothing for another output", () =>
  assert.equal(parseBtrfsSuper("bad magic on superblock"), undefined));

it("answers nothing for an output that was cut off, rather than no number of devices", () => {
  const text = dump({});
  assert.equal(parseBtrfsSuper(text.slice(0, text.indexOf("num_devices"))), undefined);
});

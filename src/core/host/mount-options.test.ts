import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bindMountOptions, stagingMountOptions } from "./mount-options.ts";

describe("stagingMountOptions", () => {
  it("passes on what the user asked for, once each", () => {
    assert.deepEqual(stagingMountOptions({ fsType: "ext4", mountFlags: ["noatime", "discard", "noatime"], readOnly: false }), {
      ok: true,
      value: ["noatime", "discard"],
    });
  });

  it("never replays the journal of a read-only mount", () => {
    const optionsOf = (fsType: "ext4" | "ext3" | "ext2" | "xfs") => stagingMountOptions({ fsType, mountFlags: [], readOnly: true });
    assert.deepEqual(optionsOf("ext4"), { ok: true, value: ["ro", "noload"] });
    assert.deepEqual(optionsOf("ext3"), { ok: true, value: ["ro", "noload"] });
    assert.deepEqual(optionsOf("ext2"), { ok: true, value: ["ro"] });
    assert.deepEqual(optionsOf("xfs"), { ok: true, value: ["ro", "norecovery"] });
  });

  it("doesn't add nouuid to xfs by itself", () => {
    assert.deepEqual(stagingMountOptions({ fsType: "xfs", mountFlags: [], readOnly: false }), { ok: true, value: [] });
  });

  it("takes a comma within quotes for a part of the value", () => {
    const flag = 'context="system_u:object_r:container_file_t:s0:c1,c2"';
    assert.deepEqual(stagingMountOptions({ fsType: "xfs", mountFlags: [flag], readOnly: false }), { ok: true, value: [flag] });
  });

  const refused = [
    { flag: "", because: "an empty option means nothing" },
    { flag: "noatime\nbind", because: "white space never belongs to an option" },
    { flag: "bind", because: "it would mount another directory" },
    { flag: "noatime,remount", because: "a comma hides a second option" },
    { flag: "loop=/dev/loop3", because: "it would mount a file" },
    { flag: "logdev=/dev/sdd", because: "it would write to another device" },
    { flag: "rw", because: "the volume is read-only" },
  ];
  for (const { flag, because } of refused) {
    it(`refuses ${JSON.stringify(flag)}, since ${because}`, () => {
      const options = stagingMountOptions({ fsType: "ext4", mountFlags: [flag], readOnly: true });
      assert.deepEqual(options.ok ? "accepted" : options.failure.kind, "InvalidArgument");
    });
  }
});

describe("bindMountOptions", () => {
  const inherited = ["rw", "noatime"];

  it("leaves a bind alone that needs nothing else", () => {
    assert.equal(bindMountOptions({ inherited, mountFlags: ["noatime", "rw"], readOnly: false }), undefined);
  });

  it("ignores options of the file system, which a bind can't change", () => {
    assert.equal(bindMountOptions({ inherited, mountFlags: ["discard", "data=ordered"], readOnly: false }), undefined);
  });

  it("keeps what the bound mount restricts when it adds read-only", () => {
    assert.deepEqual(bindMountOptions({ inherited, mountFlags: ["nosuid"], readOnly: true }), ["noatime", "nosuid", "ro"]);
  });
});

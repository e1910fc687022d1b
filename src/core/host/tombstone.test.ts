import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseMountinfo } from "./parse-mountinfo.ts";
import { planTombstone, type TombstoneStep, tombstoneSource } from "./tombstone.ts";

const path = "/var/lib/kubelet/pods/1/mount";
const shared = "27 1 254:0 / / rw shared:1 - ext4 /dev/sda1 rw";
const alone = "27 1 254:0 / / rw - ext4 /dev/sda1 rw";
const tombstone = `50 27 0:90 / ${path} ro - tmpfs ${tombstoneSource} ro`;
const volume = `51 27 8:32 / ${path} rw - ext4 /dev/sdc rw`;
const volumeOnTombstone = `51 50 8:32 / ${path} rw - ext4 /dev/sdc rw`;

describe("planTombstone", () => {
  const rows: readonly { readonly because: string; readonly mounts: readonly string[]; readonly hasTried?: boolean; readonly step: TombstoneStep }[] = [
    { because: "a tombstone shows", mounts: [shared, tombstone], step: "done" },
    { because: "nothing is mounted there", mounts: [shared], step: "mount" },
    { because: "nothing is mounted there, though beneath was tried", mounts: [alone], hasTried: true, step: "mount" },
    { because: "the directory is not to show in between", mounts: [shared, volume], step: "mountBeneath" },
    { because: "a mount beneath takes propagation", mounts: [alone, volume], step: "unmount" },
    { because: "beneath did not work", mounts: [shared, volume], hasTried: true, step: "unmount" },
    { because: "there is one below it already, and a second would be left over", mounts: [shared, tombstone, volumeOnTombstone], step: "unmount" },
    {
      because: "somebody else's tmpfs is none",
      mounts: [shared, `50 27 0:90 / ${path} rw - tmpfs tmpfs rw`],
      hasTried: true,
      step: "unmount",
    },
  ];
  for (const { because, mounts, hasTried = false, step } of rows) {
    it(`plans ${step}: ${because}`, () => assert.equal(planTombstone(parseMountinfo(mounts.join("\n")), path, hasTried), step));
  }
});

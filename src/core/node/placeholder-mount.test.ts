import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseMountinfo } from "./parse-mountinfo.ts";
import {
  isPlaceholder,
  planPlaceholder,
  placeholderOptions,
  type PlaceholderStep,
  placeholderSource,
} from "./placeholder-mount.ts";

const path = "/var/lib/kubelet/pods/1/mount";
const shared = "27 1 254:0 / / rw shared:1 - ext4 /dev/sda1 rw";
const alone = "27 1 254:0 / / rw - ext4 /dev/sda1 rw";
const placeholder = `50 27 0:90 / ${path} ro - tmpfs ${placeholderSource} ro`;
const volume = `51 27 8:32 / ${path} rw - ext4 /dev/sdc rw`;
const volumeOnPlaceholder = `51 50 8:32 / ${path} rw - ext4 /dev/sdc rw`;

describe("planPlaceholder", () => {
  const rows: readonly {
    readonly because: string;
    readonly mounts: readonly string[];
    readonly hasTried?: boolean;
    readonly step: PlaceholderStep;
  }[] = [
    { because: "a placeholder shows", mounts: [shared, placeholder], step: "done" },
    { because: "nothing is mounted there", mounts: [shared], step: "mount" },
    {
      because: "nothing is mounted there, though beneath was tried",
      mounts: [alone],
      hasTried: true,
      step: "mount",
    },
    { because: "the directory is not to show in between", mounts: [shared, volume], step: "mountBeneath" },
    {
      because: "of two mounts there it is the parent of the lower one that counts",
      mounts: [shared, volume, `52 51 8:32 / ${path} rw - ext4 /dev/sdc rw`],
      step: "mountBeneath",
    },
    {
      because: "a shared mount elsewhere is not its parent",
      mounts: [`30 1 8:1 / /data rw shared:2 - ext4 /dev/sdb rw`, alone, volume],
      step: "unmount",
    },
    {
      because: "a shared mount at this path is not its parent",
      mounts: [
        alone,
        `51 27 8:32 / ${path} rw shared:3 - ext4 /dev/sdc rw`,
        `52 51 8:32 / ${path} rw - ext4 /dev/sdc rw`,
      ],
      step: "unmount",
    },
    {
      because: "a shared mount at this path is not its parent, whichever the kernel lists first",
      mounts: [
        `51 27 8:32 / ${path} rw shared:3 - ext4 /dev/sdc rw`,
        `52 51 8:32 / ${path} rw - ext4 /dev/sdc rw`,
        alone,
      ],
      step: "unmount",
    },
    { because: "a mount beneath takes propagation", mounts: [alone, volume], step: "unmount" },
    { because: "beneath did not work", mounts: [shared, volume], hasTried: true, step: "unmount" },
    {
      because: "one is below it already, and a second would be left over",
      mounts: [shared, placeholder, volumeOnPlaceholder],
      step: "unmount",
    },
    {
      because: "another tmpfs is none",
      mounts: [shared, `50 27 0:90 / ${path} rw - tmpfs tmpfs rw`],
      hasTried: true,
      step: "unmount",
    },
  ];
  for (const { because, mounts, hasTried = false, step } of rows) {
    it(`plans ${step}: ${because}`, () =>
      assert.equal(planPlaceholder(parseMountinfo(mounts.join("\n")), path, hasTried), step));
  }
});

describe("a placeholder", () => {
  it("is writable for no container, and is found by its source in a tmpfs", () => {
    assert.equal(placeholderOptions, "ro,nosuid,nodev,noexec,size=4k,mode=0555");
    assert.equal(isPlaceholder({ fsType: "tmpfs", source: "azuredisk-removed" }), true);
    assert.equal(isPlaceholder({ fsType: "ext4", source: "azuredisk-removed" }), false);
    assert.equal(isPlaceholder({ fsType: "tmpfs", source: "tmpfs" }), false);
  });
});

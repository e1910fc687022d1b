import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createLinuxHost } from "../../src/adapters/linux/create-linux-host.ts";
import type { LinuxHost } from "../../src/adapters/linux/create-linux-host.ts";
import { systemClock } from "../../src/adapters/system/system-clock.ts";
import { systemRandom } from "../../src/adapters/system/system-random.ts";
import type { Failure } from "../../src/core/failure/failure.ts";
import { gibToBytes } from "../../src/core/primitives/units.ts";
import { aDetail, aWriter, diskUri } from "../../src/core/testing/objects.ts";
import { must, valueOf } from "../../src/core/testing/value-of.ts";
import { nodeExpandVolume } from "../../src/csi/node/node-expand-volume.ts";
import { aCall } from "../../src/csi/testing/a-call.ts";
import type { NodePorts } from "../../src/node/node-ports.ts";
import { stageVolume } from "../../src/node/stage/stage-volume.ts";
import { stagingPath, withNode } from "../../src/node/testing/a-node.ts";
import type { NodeWorld } from "../../src/node/testing/a-node.ts";
import { growths, hasGrown, readyToGrow } from "./growth.ts";
import type { Growth } from "./growth.ts";
import { linkDisk } from "./link-disk.ts";

const LOCKS = "/run/locks";
const FILE_BYTES = 8 * 1024 * 1024;
/** The time between two looks or calls; kubelet repeats a call less often. In milliseconds. */
const REPEAT_MS = 100;
const never = new AbortController().signal;

/**
 * Grows a staged volume while a program has a file open on it, and compares the data: by the node
 * plug-in's own NodeStageVolume and NodeExpandVolume on the Linux host of this guest.
 */
async function growInUse(host: LinuxHost, growth: Growth, world: NodeWorld): Promise<void> {
  const { lun, fsType, volumeContext, beforeGiB, afterGiB } = growth;
  // The world's own repeats its UUIDs, and mkfs.btrfs refuses one that another disk has.
  const ports: NodePorts = { ...world.ports(), host, clock: systemClock, random: systemRandom };
  await world.setAttachment((attachment) =>
    attachment.status === undefined ? attachment : { ...attachment, status: { ...attachment.status, lun } },
  );
  world.metadata.disks = [{ lun, diskUri }];
  await recordSize(world, beforeGiB);
  const mount = { stagingPath, accessType: "mount", mountFlags: [], readOnly: false } as const;
  valueOf(await stageVolume(ports, { ...mount, volumeId: diskUri, fsType, volumeContext }, never));
  const before = valueOf(await host.fileSystemStats(stagingPath, never));
  const content = randomBytes(FILE_BYTES);
  const file = await open(join(stagingPath, "file"), "w+");
  await file.write(content);
  await file.sync();

  // Azure has grown the disk, and the kernel does not know it yet.
  await recordSize(world, afterGiB);
  assert.equal(await expand(ports, afterGiB), "StillWaiting");
  console.log(readyToGrow(growth));
  for (let answer = "StillWaiting"; answer !== "grown"; answer = await expand(ports, afterGiB)) {
    assert.equal(answer, "StillWaiting");
    await systemClock.sleep(REPEAT_MS, never);
  }

  const after = valueOf(await host.fileSystemStats(stagingPath, never));
  const added = after.totalBytes - before.totalBytes;
  // XFS keeps some of the new blocks for itself, and ext4 its inode tables.
  assert.ok(added > (gibToBytes(afterGiB - beforeGiB) * 9n) / 10n, `grew by ${added} bytes`);
  await file.write(content);
  await file.sync();
  await file.close();
  const device = valueOf(await host.findDevice({ lun }, never));
  valueOf(await host.unmount(stagingPath, never));
  valueOf(await host.checkFileSystem({ device, fsType }, never));
  valueOf(await host.mountDevice({ ...mount, device, path: stagingPath, fsType }, never));
  const kept = await readFile(join(stagingPath, "file"));
  valueOf(await host.unmount(stagingPath, never));
  assert.ok(kept.equals(Buffer.concat([content, content])), "the file is not as it was written");
  console.log(hasGrown(growth));
}

/** What NodeExpandVolume answers. */
async function expand(ports: NodePorts, sizeGiB: number): Promise<"grown" | Failure["kind"]> {
  const request = {
    volumeId: diskUri,
    volumePath: stagingPath,
    stagingTargetPath: stagingPath,
    capacityRange: undefined,
    volumeCapability: undefined,
    secrets: {},
  };
  const answer = await nodeExpandVolume(ports, request, aCall());
  if (!answer.ok) return answer.failure.kind;
  assert.equal(answer.value.capacityBytes, gibToBytes(sizeGiB));
  return "grown";
}

async function recordSize({ store }: NodeWorld, sizeGiB: number): Promise<void> {
  const volume = await must(store.get("AzVolume", "pvc-1", never));
  assert.ok(volume.status !== undefined);
  const detail = { ...(volume.status.detail ?? aDetail()), sizeGiB };
  await must(store.updateStatus("AzVolume", { ...volume, status: { ...volume.status, detail } }, never));
}

async function main(): Promise<void> {
  console.log(`Linux on ${process.arch}`);
  await mkdir(LOCKS);
  await mkdir(stagingPath, { recursive: true });
  const host = await createLinuxHost({ lockDirectory: LOCKS, clock: systemClock });
  for (const growth of growths) {
    await linkDisk(growth.lun);
    await mkdir(stagingPath, { recursive: true });
    await withNode({ writer: aWriter("node-a", { held: false }) }, (world) => growInUse(host, growth, world));
  }
  await host.close();
}

// Not awaited at the top level: the bundle is CommonJS.
main().then(
  () => process.exit(),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ModelDisk } from "../../adapters/model-host/model-disk.ts";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { VolumeDetail } from "../../core/api/az-volume.ts";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import { fail } from "../../core/failure/result.ts";
import { gibToBytes } from "../../core/primitives/units.ts";
import { anAttachment, aRecord, aWriter, diskUri, identity } from "../../core/testing/objects.ts";
import { kindOf, must } from "../../core/testing/value-of.ts";
import { foundRecord } from "../../core/writer/record/writer-steps.ts";
import { aCheckpoint } from "../../ports/testing/a-checkpoint.ts";
import {
  type NodeWorld,
  stagingPath,
  withNode,
  aStageRequest,
  anotherDisk,
  otherUri,
} from "../testing/a-node.ts";
import { stageVolume } from "./stage-volume.ts";

const never = new AbortController().signal;
const request = aStageRequest();
/** Until a watch has shown a grant, and the volume is mounted. */
const GRANT_SEEN_MAX_MS = 1_000;
/** One look for a device, and the watch that shows its end. */
const LOOK_MAX_MS = 10_000;
const granted = aWriter("node-a", { held: false });
/** Another disk replaces the volume's. */
function swap(world: NodeWorld, disk: ModelDisk): void {
  world.machine.detach(0);
  world.machine.attach({ lun: 0, disk });
}

function atLun(attachment: AzVolumeAttachment, lun: number): AzVolumeAttachment {
  return attachment.status === undefined
    ? attachment
    : { ...attachment, status: { ...attachment.status, lun } };
}

/** The work of the controller once it has read the VM again. */
function lookedUp(world: NodeWorld): Promise<void> {
  return world.setAttachment((attachment) => ({
    ...attachment,
    status: { ...attachment.status, state: "Attached", lun: 0, deviceMissing: false },
  }));
}

/** The controller has read the disk. */
async function recordSize(world: NodeWorld, sizeGiB: number, unconfirmedGiB?: number): Promise<void> {
  const present = await world.answerOf(must(world.store.get("AzVolume", "pvc-1", never)));
  const { status } = present;
  assert.ok(status?.detail !== undefined);
  const sizes = { sizeGiB, ...(unconfirmedGiB === undefined ? {} : { unconfirmedGiB }) };
  await world.answerOf(
    must(
      world.store.updateStatus(
        "AzVolume",
        { ...present, status: { ...status, detail: { ...status.detail, ...sizes } } },
        never,
      ),
    ),
  );
}

describe("stageVolume", () => {
  it("refuses what this node's platform can't serve, before it requests anything", () =>
    withNode({ writer: granted }, async (world) => {
      for (const fsType of ["ntfs", "refs"] as const)
        assert.equal(kindOf(await world.stage({ fsType })), "InvalidArgument");
      assert.deepEqual([world.record()?.writer?.held, world.machine.mounts()], [false, []]);
    }));

  const moves: readonly {
    readonly because: string;
    readonly move: (world: NodeWorld, other: ModelDisk) => Promise<unknown>;
  }[] = [
    {
      because: "and its attachment says so",
      move: async (world, other) => {
        swap(world, other);
        world.machine.attach({ lun: 1, disk: world.disk });
        await world.setAttachment((attachment) => atLun(attachment, 1));
      },
    },
    { because: "and no component has noticed yet", move: async (world, other) => swap(world, other) },
  ];
  for (const { because, move } of moves) {
    // Raw block: nothing on the device shows which volume it is.
    it(`does not hand out a disk that replaced the device before the acquire, ${because}`, () =>
      withNode({ writer: granted }, async (world) => {
        const other = anotherDisk();
        world.during.acquire = () => move(world, other);
        assert.equal(kindOf(await world.stage({ accessType: "block" })), "WrongDevice");
        assert.equal(world.record()?.writer?.held, false);
        assert.equal(world.attachment()?.status?.deviceMissing, true);
      }));
  }

  const commands = [
    { step: "mount", content: { kind: "fileSystem", fsType: "ext4", uuid: "uuid-of-another" } },
    { step: "format", content: { kind: "blank" } },
  ] as const;
  for (const { step, content } of commands) {
    it(`does not ${step} a disk that replaced the device, with its number, after the last check`, () =>
      withNode(
        { writer: granted },
        async (world) => {
          const other = anotherDisk();
          other.content = content;
          world.during[step] = async () => swap(world, other);
          assert.equal(kindOf(await world.stage()), "WrongDevice");
          assert.deepEqual(
            [other.content, world.machine.mounts(), world.record()?.writer?.held],
            [content, [], false],
          );
        },
        { reusesNumbers: true },
      ));
  }

  for (const { sizeMiB, kind } of [
    { sizeMiB: 9 * 1024, kind: "WrongDevice" },
    { sizeMiB: 9.5 * 1024, kind: "ok" },
    { sizeMiB: 10.5 * 1024, kind: "ok" },
    { sizeMiB: 11 * 1024, kind: "WrongDevice" },
  ])
    it(`takes a device of ${sizeMiB} MiB for a disk that Azure shows with 10 GiB: ${kind}`, () =>
      withNode({ writer: granted }, async (world) => {
        world.disk.sizeBytes = BigInt(sizeMiB) * 1024n ** 2n;
        swap(world, world.disk);
        assert.equal(kindOf(await world.stage()), kind);
      }));

  for (const { sizeGiB, kind } of [
    { sizeGiB: 10, kind: "ok" },
    { sizeGiB: 15, kind: "WrongDevice" },
    { sizeGiB: 20, kind: "ok" },
  ])
    it(`answers ${kind} for a device of ${sizeGiB} GiB, of a disk with 10 GiB or, unconfirmed, 20`, () =>
      withNode({ writer: granted }, async (world) => {
        await recordSize(world, 10, 20);
        world.disk.sizeBytes = gibToBytes(sizeGiB);
        swap(world, world.disk);
        assert.equal(kindOf(await world.stage()), kind);
      }));

  it("has the size read of a disk that another client has grown, and stages it then", () =>
    withNode({ writer: granted }, async (world) => {
      world.disk.sizeBytes = gibToBytes(20);
      swap(world, world.disk);
      assert.deepEqual(await world.stage(), {
        ok: false,
        failure: {
          kind: "WrongDevice",
          devicePath: "/dev/sdd",
          problem: `LUN 0 has ${gibToBytes(20)} bytes, disk ${diskUri} has ${gibToBytes(10)} (10 GiB)`,
        },
      });
      assert.equal(world.attachment()?.status?.deviceMissing, true);
      await recordSize(world, 20);
      await lookedUp(world);
      assert.equal(kindOf(await world.stage()), "ok");
    }));

  it("waits for the previous writer as long as it may, and starts upon the grant", () =>
    withNode({ writer: aWriter("node-b") }, async (world) => {
      const { clock } = world;
      const { stageWaitMs } = world.ports().settings;
      const began = clock.elapsedMs();
      assert.deepEqual(await world.stage(), {
        ok: false,
        failure: {
          kind: "StillWaiting",
          volumeId: diskUri,
          what: "node-b, which is still its writer, to unmount it",
        },
      });
      assert.equal(clock.elapsedMs() - began, stageWaitMs);

      const beganAgain = clock.elapsedMs();
      const staging = stageVolume(world.ports(), request, never);
      await clock.advance(stageWaitMs / 2);
      await world.grantAgain();
      assert.equal(kindOf(await world.answerOf(staging)), "ok");
      const tookMs = clock.elapsedMs() - beganAgain;
      assert.ok(tookMs < stageWaitMs / 2 + GRANT_SEEN_MAX_MS, `${tookMs} ms`);
    }));

  describe("where the device is awaited", () => {
    /** The other volume's disk gets the name that the volume's had, while its LUN's link lags. */
    const swapNames = (world: NodeWorld): void => {
      world.machine.setUdev("lags");
      world.machine.detach(0);
      world.machine.attach({ lun: 1, disk: anotherDisk() });
      world.machine.attach({ lun: 0, disk: world.disk });
    };
    it("refuses a device that the kernel has at another LUN than its link says", () =>
      withNode(
        { writer: granted },
        async (world) => {
          swapNames(world);
          assert.deepEqual(await world.stage({ accessType: "block" }), {
            ok: false,
            failure: {
              kind: "WrongDevice",
              devicePath: "/dev/sdc",
              problem:
                "/dev/disk/azure/scsi1/lun0 leads to /dev/sdc (8:32, SCSI 3:0:0:1), " +
                "while by the kernel's addresses LUN 0 is /dev/sdd (8:48, SCSI 3:0:0:0): " +
                "check the udev rules of the node, and whether udev runs",
            },
          });
          assert.deepEqual(
            [world.attachment()?.status?.deviceMissing, world.record()?.writer?.held],
            [true, false],
          );
        },
        { reusesNumbers: true },
      ));

    it("stages once the link follows, within the same call", () =>
      withNode(
        { writer: granted },
        async (world) => {
          swapNames(world);
          const staging = stageVolume(world.ports(), { ...request, accessType: "block" }, never);
          await world.clock.runUntil(() => world.attachment()?.status?.deviceMissing === true, LOOK_MAX_MS);
          world.machine.setUdev("runs");
          await lookedUp(world);
          const staged = await world.answerOf(staging);
          assert.equal(staged.ok && staged.value.device.path, "/dev/sdd");
        },
        { reusesNumbers: true },
      ));

    it("finds the device without any link, by the kernel's address", () =>
      withNode({ writer: granted }, async (world) => {
        world.machine.setUdev("lost");
        assert.equal(kindOf(await world.stage()), "ok");
      }));

    it("reports a missing device once, waits as long as it is set to, says what it saw", () =>
      withNode({ writer: granted }, async (world) => {
        world.machine.detach(0);
        const began = world.clock.elapsedMs();
        const staging = stageVolume(world.ports(), request, never);
        await world.clock.runUntil(() => world.attachment()?.status?.deviceMissing === true, LOOK_MAX_MS);
        await lookedUp(world);
        const staged = await world.answerOf(staging);
        const waitedMs = world.clock.elapsedMs() - began;
        const searched = ["model of node-a"];
        assert.deepEqual(staged, {
          ok: false,
          failure: { kind: "DeviceNotFound", lun: 0, searched, seen: [], waitedMs },
        });
        const { deviceWaitMs } = world.ports().settings;
        assert.ok(waitedMs >= deviceWaitMs && waitedMs <= deviceWaitMs + LOOK_MAX_MS, `${waitedMs} ms`);
        assert.notEqual(world.attachment()?.status?.deviceMissing, true);
      }));
  });

  for (const accessType of ["block", "mount"] as const) {
    it(`uses none of the blocks that its kernel has read as a replica (${accessType})`, () =>
      withNode({ writer: granted }, async (world) => {
        await world.setFormatted({ fsType: "xfs", uuid: "uuid" });
        world.disk.content = { kind: "fileSystem", fsType: "xfs", uuid: "uuid" };
        world.disk.files.set("block", "old");
        world.machine.readDevice(0);
        world.disk.files.set("block", "new");
        assert.equal(world.machine.readBlock(0, "block"), "old", "the premise: the kernel has the old block");
        assert.equal(kindOf(await world.stage({ accessType, fsType: "xfs" })), "ok");
        assert.equal(world.machine.readBlock(0, "block"), "new");
      }));
  }

  it("requests a look-up of both volumes that are recorded at one LUN", () =>
    withNode({ writer: granted }, async (world) => {
      const name = attachmentObjectName({ diskUri: otherUri, nodeName: "node-a" });
      await world.given(
        "AzVolumeAttachment",
        anAttachment("node-a", {
          metadata: { name },
          spec: { volumeName: "pvc-2", volumeId: otherUri },
          status: { vmId: world.ports().node.vmId.toUpperCase() },
        }),
      );
      assert.deepEqual(await world.stage(), {
        ok: false,
        failure: {
          kind: "StillWaiting",
          volumeId: diskUri,
          what: `its LUN: 0 is also that of ${otherUri}, so both are looked up in Azure`,
        },
      });
      const twin = await world.answerOf(world.store.get("AzVolumeAttachment", name, never));
      assert.equal(twin.ok && twin.value.status?.deviceMissing, true);
      assert.equal(world.attachment()?.status?.deviceMissing, true);
      assert.equal(world.record()?.writer?.held, false);
    }));

  it("refuses a raw disk that a pod uses as another volume, despite an old record", () =>
    withNode({ writer: aWriter("node-a", { held: true }) }, async (world) => {
      const { host, checkpoints } = world.ports();
      const device = await world.answerOf(host.findDevice({ lun: 0 }, never));
      assert.ok(device.ok);
      const targetPath = "/pods/other/volumeDevices/pvc-2";
      const { path, majorMinor } = device.value;
      assert.ok(
        (await world.answerOf(host.bindDevice({ device: device.value, targetPath, readOnly: false }, never)))
          .ok,
      );
      const ofPod = { accessType: "block", targetPaths: [targetPath] } as const;
      const checkpoint = aCheckpoint({ volumeName: "pvc-2", volumeId: otherUri, majorMinor, ...ofPod });
      assert.ok((await checkpoints.put(checkpoint, never)).ok);
      assert.deepEqual(await world.stage({ accessType: "block" }), {
        ok: false,
        failure: {
          kind: "WrongDevice",
          devicePath: path,
          problem: "a pod has it, or its number, raw as volume pvc-2, and has to end first",
        },
      });
      assert.equal(world.attachment()?.status?.deviceMissing, true);
    }));

  it("writes its VM to the checkpoint", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal(kindOf(await world.stage()), "ok");
      const { node, checkpoints } = world.ports();
      assert.deepEqual(
        checkpoints.volumes().map(({ vm }) => vm),
        [{ vmId: node.vmId, instanceUri: node.instanceUri }],
      );
    }));

  it("waits for an attach to this very VM, not to an earlier one of the name", () =>
    withNode({ writer: granted }, async (world) => {
      await world.setAttachment((attachment) =>
        attachment.status === undefined
          ? attachment
          : { ...attachment, status: { ...attachment.status, vmId: "older" } },
      );
      assert.equal(kindOf(await world.stage()), "StillWaiting");
      assert.equal(world.record()?.writer?.held, false);
    }));

  const growths: readonly {
    readonly mayGrowMountedExt: boolean;
    readonly fsType: "ext4" | "xfs";
    readonly gib: number;
    readonly because: string;
  }[] = [
    {
      mayGrowMountedExt: false,
      fsType: "ext4",
      gib: 10,
      because: "grows, since nothing here could grow it once it is mounted",
    },
    {
      mayGrowMountedExt: true,
      fsType: "ext4",
      gib: 5,
      because: "is left to NodeExpandVolume, which grows it in use",
    },
    {
      mayGrowMountedExt: false,
      fsType: "xfs",
      gib: 5,
      because: "is left to NodeExpandVolume: xfs grows only in use",
    },
  ];
  for (const { mayGrowMountedExt, fsType, gib, because } of growths) {
    it(`an ${fsType} whose disk has outgrown it ${because}`, () =>
      withNode(
        { writer: granted },
        async (world) => {
          await world.setFormatted({ fsType, uuid: "uuid-1" });
          world.disk.content = { kind: "fileSystem", fsType, uuid: "uuid-1" };
          world.disk.fileSystemBytes = gibToBytes(5);
          assert.equal(kindOf(await world.stage({ fsType })), "ok");
          assert.equal(world.disk.fileSystemBytes, gibToBytes(gib));
        },
        { mayGrowMountedExt },
      ));
  }

  it("refuses a device with another file system than the volume's", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal(kindOf(await world.stage()), "ok");
      assert.equal((await world.unstage()).ok, true);
      await world.grantAgain();
      swap(world, {
        ...anotherDisk(),
        content: { kind: "fileSystem", fsType: "ext4", uuid: "uuid-of-another" },
        fileSystemBytes: gibToBytes(10),
      });
      assert.equal(kindOf(await world.stage()), "WrongDevice");
      assert.deepEqual(world.machine.mounts(), []);
      assert.equal(world.attachment()?.status?.deviceMissing, true);
    }));

  it("mounts again over a dead mount where the disk has come back", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal(kindOf(await world.stage()), "ok");
      swap(world, world.disk);
      assert.equal(kindOf(await world.stage()), "ok");
      const present = await world.answerOf(world.ports().host.mountAt(stagingPath, never));
      assert.deepEqual([present.ok && present.value?.isDead, world.machine.mounts().length], [false, 1]);
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["WritesLost"],
      );
    }));

  it("does not count a dead mount as staged while its device is still there", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal(kindOf(await world.stage()), "ok");
      world.machine.cutOff(0);
      assert.notEqual(kindOf(await world.stage()), "ok");
    }));

  it("does not count a live mount of another disk at its staging path as its own", () =>
    withNode({ writer: aWriter("node-a") }, async (world) => {
      const { host } = world.ports();
      world.machine.attach({
        lun: 1,
        disk: { ...anotherDisk(), content: { kind: "fileSystem", fsType: "ext4", uuid: "uuid-of-another" } },
      });
      const device = await world.answerOf(host.findDevice({ lun: 1 }, never));
      assert.ok(device.ok);
      const mounting = host.mountDevice(
        { device: device.value, path: stagingPath, fsType: "ext4", mountFlags: [], readOnly: false },
        never,
      );
      assert.ok((await world.answerOf(mounting)).ok);
      const staged = await world.stage();
      const present = await world.answerOf(host.mountAt(stagingPath, never));
      assert.equal(present.ok && present.value?.majorMinor, staged.ok && staged.value.device.majorMinor);
    }));

  it("keeps a volume whose mount exists though its command has failed", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = world.ports();
      const mountDevice: typeof ports.host.mountDevice = async (...args) => {
        assert.ok((await ports.host.mountDevice(...args)).ok);
        return fail({ kind: "HostNotReady", detail: "the command was killed" });
      };
      const staged = await world.stage({}, { ...ports, host: { ...ports.host, mountDevice } });
      assert.deepEqual(
        [kindOf(staged), world.record()?.writer?.held, world.machine.mounts().length],
        ["HostNotReady", true, 1],
      );
    }));

  it("does not accept an existing mount while the node is being fenced", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal(kindOf(await world.stage()), "ok");
      await world.setRecord((record) => ({ ...record, fencing: identity("node-a") }));
      assert.equal(kindOf(await world.stage()), "NotWriter");
      assert.deepEqual(world.machine.mounts(), []);
    }));

  const made = foundRecord({ unverified: [identity("node-a")], epoch: 4, storeIncarnation: 1 });
  const losses = [
    {
      before: "checkpoint",
      because: "its record is rebuilt before the first format begins",
      record: made,
      content: "blank",
    },
    {
      before: "checkpoint",
      because: "another node is the writer before the first format",
      record: aRecord({ writer: aWriter("node-b") }),
      content: "blank",
    },
    {
      before: "checkpoint",
      because: "it holds nothing before the first format begins",
      record: aRecord({ writer: granted }),
      content: "blank",
    },
    {
      before: "format",
      because: "its record is rebuilt during the first format",
      record: made,
      content: "fileSystem",
    },
  ] as const;
  for (const { before, because, record, content } of losses) {
    it(`writes nothing of a file system where ${because}`, () =>
      withNode({ writer: granted }, async (world) => {
        let detail: VolumeDetail | undefined;
        world.during[before] = async () => {
          await world.setRecord(() => record);
          detail = world.detail();
        };
        assert.equal(kindOf(await world.stage()), "NotWriter");
        assert.deepEqual(
          [world.disk.content.kind, world.detail(), world.record(), world.machine.mounts()],
          [content, detail, record, []],
        );
        assert.equal(world.disk.formatMark, undefined);
      }));
  }
});

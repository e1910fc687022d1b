import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AttachmentStatus, AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { ok } from "../../core/failure/result.ts";
import { withoutUnmarked, withUnmarked } from "../../core/rollback/attachments-unmarked.ts";
import { aWriter, diskUri, identity } from "../../core/testing/objects.ts";
import { kindOf, must } from "../../core/testing/value-of.ts";
import { foundRecord } from "../../core/writer/record/writer-steps.ts";
import type { VolumeCheckpoint } from "../../ports/host/node-checkpoints.ts";
import { aCheckpoint } from "../../ports/testing/a-checkpoint.ts";
import type { NodePorts } from "../node-ports.ts";
import {
  type NodeWorld,
  stagingPath,
  withNode,
  aStageRequest,
  targetPath,
  anotherDisk,
  otherUri,
} from "../testing/a-node.ts";
import { stageVolume } from "./stage-volume.ts";

const never = new AbortController().signal;
const request = aStageRequest();
const block = { accessType: "block" } as const;
const granted = aWriter("node-a", { held: false });
const held = aWriter("node-a");
const LIMIT_MS = 60_000;

function withStatus(attachment: AzVolumeAttachment, status: Partial<AttachmentStatus>): AzVolumeAttachment {
  return attachment.status === undefined
    ? attachment
    : { ...attachment, status: { ...attachment.status, ...status } };
}

function rawOther(changes: Partial<VolumeCheckpoint>): VolumeCheckpoint {
  const other = { volumeName: "pvc-2", volumeId: otherUri, lun: 5, majorMinor: "8:96" };
  return aCheckpoint({ ...other, accessType: "block", ...changes });
}

/** Another client moves the disk to LUN 1, and attaches another one at its LUN, before it is held. */
function replacedBeforeHold(world: NodeWorld, other: ReturnType<typeof anotherDisk>): NodePorts {
  const ports = world.ports();
  const whileHolding: typeof ports.host.whileHolding = async (device, act, signal) => {
    world.machine.detach(0);
    world.machine.attach({ lun: 0, disk: other });
    world.machine.attach({ lun: 1, disk: world.disk });
    await world.setAttachment((attachment) => withStatus(attachment, { lun: 1 }));
    return ports.host.whileHolding(device, act, signal);
  };
  return { ...ports, host: { ...ports.host, whileHolding } };
}

async function settingsAt(world: NodeWorld, lun: number): Promise<unknown> {
  const { host } = world.ports();
  const device = await world.answerOf(host.findDevice({ lun }, never));
  assert.ok(device.ok);
  return must(host.readDeviceSettings(device.value, never));
}

/** Several nodes may write the volume: its object has no record. */
async function withManyWriters(world: NodeWorld): Promise<void> {
  await world.setVolume((volume) => ({
    ...volume,
    spec: { ...volume.spec, capabilities: [{ accessType: "block", accessMode: "MULTI_NODE_MULTI_WRITER" }] },
  }));
  await withoutRecord(world);
}

async function withoutRecord(world: NodeWorld): Promise<void> {
  const volume = await must(world.store.get("AzVolume", "pvc-1", never));
  const { record: _, ...status } = volume.status ?? assert.fail("no status");
  await must(world.store.updateStatus("AzVolume", { ...volume, status }, never));
}

describe("stageVolume and where the disk is", () => {
  it("stages at any LUN where the disk is, and writes that one to the checkpoint", () =>
    withNode({ writer: granted }, async (world) => {
      world.machine.detach(0);
      world.machine.attach({ lun: 3, disk: world.disk });
      await world.setAttachment((attachment) => withStatus(attachment, { lun: 3 }));
      assert.equal(kindOf(await world.stage()), "ok");
      assert.deepEqual(
        world
          .ports()
          .checkpoints.volumes()
          .map(({ lun, epoch, uid }) => [lun, epoch, uid]),
        [[3, 1, "uid-pvc-1"]].map(([lun, epoch]) => [
          lun,
          epoch,
          world.ports().cache.get("AzVolume", "pvc-1")?.metadata.uid,
        ]),
      );
    }));

  it("does not acquire again what it holds while a process has the device there open", () =>
    withNode({ writer: held }, async (world) => {
      await world.setVolume((volume) => ({
        ...volume,
        spec: { ...volume.spec, capabilities: [{ accessType: "block", accessMode: "SINGLE_NODE_WRITER" }] },
      }));
      world.machine.detach(0);
      world.machine.attach({ lun: 3, disk: world.disk });
      world.machine.openRaw(3);
      await world.setAttachment((attachment) => withStatus(attachment, { lun: 3 }));
      const staged = await world.stage(block);
      assert.ok(!staged.ok && staged.failure.kind === "NotWriter");
      assert.equal(staged.failure.reason, "node-a holds the volume already and is not clean");
    }));

  it("does not acquire again what is open raw, also where its checkpoint is lost", () =>
    withNode({ writer: held }, async (world) => {
      // Another PersistentVolume of the disk: the volume itself is one to mount.
      world.machine.openRaw(0);
      world.during.acquire = () =>
        world.setAttachment((attachment) => withStatus(attachment, { state: "Detaching" }));
      const staged = await world.stage();
      assert.equal(world.record()?.writer?.held, true, "a process can still write");
      assert.equal(kindOf(staged), "NotWriter");
    }));

  const moved: readonly {
    readonly because: string;
    readonly status: Parameters<typeof withStatus>[1];
    readonly says: string;
  }[] = [
    { because: "is at another LUN", status: { lun: 1 }, says: "at LUN 1" },
    { because: "is not attached", status: { state: "Detaching" }, says: "nowhere" },
    { because: "is attached to another VM of this name", status: { vmId: "another-vm" }, says: "nowhere" },
    { because: "is missed at its LUN", status: { deviceMissing: true }, says: "nowhere" },
  ];
  for (const { because, status, says } of moved)
    it(`hands out nothing where the attachment says after the acquire that the disk ${because}`, () =>
      withNode({ writer: granted }, async (world) => {
        world.during.acquire = () => world.setAttachment((attachment) => withStatus(attachment, status));
        const staged = await world.stage(block);
        const problem = `by its attachment the disk was at LUN 0, and is ${says} now`;
        assert.deepEqual(staged, {
          ok: false,
          failure: { kind: "WrongDevice", devicePath: "/dev/sdc", problem },
        });
        assert.deepEqual(world.ports().checkpoints.volumes(), []);
        assert.equal(world.record()?.writer?.held, false, "it has begun nothing with any device");
      }));

  it("hands out nothing where another device is at the LUN after the acquire", () =>
    withNode(
      { writer: granted },
      async (world) => {
        world.during.acquire = async () => {
          world.machine.detach(0);
          world.machine.attach({ lun: 1, disk: anotherDisk() });
          world.machine.attach({ lun: 0, disk: world.disk });
        };
        const problem = "LUN 0 was 8:32, and is 8:48 now";
        assert.deepEqual(await world.stage(block), {
          ok: false,
          failure: { kind: "WrongDevice", devicePath: "/dev/sdc", problem },
        });
      },
      { reusesNumbers: true },
    ));

  // As after a hang of the machine: the SCSI driver asks only whether a device is still there.
  for (const sizeGiB of [10, 20])
    it(`stages a disk that has come unnoticed to the place of one of ${sizeGiB} GiB`, () =>
      withNode({ writer: granted }, async (world) => {
        const { machine, disk } = world;
        const other = anotherDisk(sizeGiB);
        other.content = { kind: "fileSystem", fsType: "ext4", uuid: "another" };
        other.files.set("/data", "the other volume's");
        machine.detach(0);
        machine.attach({ lun: 0, disk: other });
        machine.readDevice(0);
        machine.cutOff(0);
        machine.replace({ lun: 0, disk });
        assert.equal(kindOf(await world.stage()), "ok");
        assert.equal(disk.content.kind, "fileSystem");
        assert.equal(machine.readFile(`${stagingPath}/data`).kind, "ENOENT");
        assert.deepEqual([...other.files], [["/data", "the other volume's"]]);
      }));

  const rawElsewhere = [
    { because: "has", targetPaths: ["/pods/other/volumeDevices/pvc-2"] },
    // Its container has its own node of the device, until it has ended.
    { because: "may have, with no bind,", targetPaths: [] },
  ];
  for (const isForgotten of [false, true])
    it(`hands out nothing raw whose file system a pod has${isForgotten ? ", without its checkpoint" : ""}`, () =>
      withNode({ writer: granted }, async (world) => {
        await must(world.publish());
        if (isForgotten) await must(world.ports().checkpoints.remove("pvc-1", never));
        const refused = await world.publish({ ...block, targetPath: `${targetPath}-raw` });
        assert.deepEqual(refused.ok ? "ok" : refused.failure, {
          kind: "DeviceBusy",
          devicePath: "/dev/sdc",
          detail:
            `its file system is mounted (${stagingPath}, ${targetPath}): ` +
            "the pods that use it have to end first",
        });
        assert.deepEqual(
          world.machine.mounts().map(({ path }) => path),
          [stagingPath, targetPath],
        );
      }));

  for (const accessType of ["mount", "block"] as const)
    for (const { because, targetPaths } of rawElsewhere)
      it(`takes no device whose number a pod ${because} as another (${accessType})`, () =>
        withNode({ writer: granted }, async (world) => {
          const { checkpoints } = world.ports();
          await must(checkpoints.put(rawOther({ majorMinor: "8:32", targetPaths }), never));
          const problem = "a pod has it, or its number, raw as volume pvc-2, and has to end first";
          assert.deepEqual(await world.stage({ accessType }), {
            ok: false,
            failure: { kind: "WrongDevice", devicePath: "/dev/sdc", problem },
          });
          assert.deepEqual([world.disk.content, world.record()?.writer?.held], [{ kind: "blank" }, false]);
          assert.equal(world.attachment()?.status?.deviceMissing, true);
        }));

  it("keeps a raw disk's earlier number in its checkpoint until its pod has ended", () =>
    withNode({ writer: granted }, async (world) => {
      const numbers = (): readonly unknown[] =>
        world
          .ports()
          .checkpoints.volumes()
          .map(({ majorMinor }) => majorMinor);
      await must(world.publish(block));
      world.machine.detach(0);
      world.machine.attach({ lun: 0, disk: world.disk });
      const detail = `${targetPath} is bound to its earlier number 8:32: the pod has to end first`;
      for (const accessType of ["block", "mount"] as const) {
        assert.deepEqual(await world.stage({ accessType }), {
          ok: false,
          failure: { kind: "DeviceBusy", devicePath: "/dev/sdd", detail },
        });
        assert.deepEqual(numbers(), ["8:32"]);
        // Its LUN is right, and is not looked up in Azure.
        assert.equal(world.attachment()?.status?.deviceMissing, undefined);
      }
      await must(world.unpublish());
      assert.equal(kindOf(await world.stage(block)), "ok");
      assert.deepEqual(numbers(), ["8:48"]);
    }));

  it("finds a raw disk's earlier number where kubelet's folder is behind a link", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.publish(block));
      world.machine.detach(0);
      world.machine.attach({ lun: 0, disk: world.disk });
      const ports = world.ports();
      // The kernel shows a mount without the links by which it was made.
      const mountsOf: typeof ports.host.mountsOf = async (majorMinor, signal) => {
        const mounts = await ports.host.mountsOf(majorMinor, signal);
        return mounts.ok
          ? ok(mounts.value.map((mount) => ({ ...mount, path: `/mnt${mount.path}` })))
          : mounts;
      };
      const behindLink = { ...ports, host: { ...ports.host, mountsOf } };
      assert.equal(kindOf(await world.stage(block, behindLink)), "DeviceBusy");
    }));

  it("takes a device whose number another disk had before the machine was started", () =>
    withNode({ writer: granted }, async (world) => {
      const { checkpoints } = world.ports();
      const targetPaths = ["/pods/other/volumeDevices/pvc-2"];
      await must(checkpoints.put(rawOther({ majorMinor: undefined, targetPaths }), never));
      assert.equal(kindOf(await world.stage()), "ok");
    }));

  it("unmounts what else is mounted at the staging path", () =>
    withNode({ writer: granted }, async (world) => {
      const { host } = world.ports();
      const other = anotherDisk();
      other.content = { kind: "fileSystem", fsType: "ext4", uuid: "uuid-2" };
      world.machine.attach({ lun: 1, disk: other });
      const device = await world.answerOf(host.findDevice({ lun: 1 }, never));
      assert.ok(device.ok);
      await must(
        world.answerOf(
          host.mountDevice(
            { device: device.value, path: stagingPath, fsType: "ext4", mountFlags: [], readOnly: false },
            never,
          ),
        ),
      );
      assert.equal(kindOf(await world.stage()), "ok");
      assert.deepEqual(
        world.machine.mounts().map((mount) => [mount.path, mount.diskUri]),
        [[stagingPath, diskUri]],
      );
    }));

  it("keeps the mounts of a pod where its cache shows a grant that a rebuild has ended", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.publish());
      const mounts = world.machine.mounts();
      world.store.holdWatches(true);
      const unverified = [identity("node-a")];
      await world.setRecord(() => foundRecord({ unverified, epoch: 4, storeIncarnation: 1 }));
      // As a restarted kubelet does.
      assert.equal(kindOf(await world.stage()), "StillWaiting");
      assert.deepEqual(world.machine.mounts(), mounts);
    }));

  for (const { storeIncarnation, answer, because } of [
    { storeIncarnation: 0, answer: "ok", because: "is granted" },
    { storeIncarnation: 3, answer: "StillWaiting", because: "can't acquire" },
  ])
    it(`keeps the mounts of a pod whose volume the node ${because}`, () =>
      withNode({ writer: granted }, async (world) => {
        await must(world.publish());
        const mounts = world.machine.mounts();
        await world.setRecord((record) => ({ ...record, writer: granted, storeIncarnation }));
        assert.equal(kindOf(await world.stage()), answer);
        assert.deepEqual([world.record()?.writer?.held, world.machine.mounts()], [answer === "ok", mounts]);
      }));

  it("keeps the mounts of a pod where a look at its disk has failed once", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.publish());
      const mounts = world.machine.mounts();
      const ports = world.ports();
      const mountAt: typeof ports.host.mountAt = async (...args) => {
        const mount = await ports.host.mountAt(...args);
        return mount.ok && mount.value !== undefined ? ok({ ...mount.value, isDead: true }) : mount;
      };
      // As a restarted kubelet does.
      const staged = await world.stage({}, { ...ports, host: { ...ports.host, mountAt } });
      assert.equal(kindOf(staged), "DeviceBusy");
      assert.deepEqual(world.machine.mounts(), mounts);
      assert.equal(kindOf(await world.stage()), "ok");
    }));

  it("keeps the mounts of a pod where its attachment leads to another volume's disk", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.publish());
      const mounts = world.machine.mounts();
      world.machine.attach({ lun: 1, disk: anotherDisk() });
      // From a backup.
      await world.setAttachment((attachment) => withStatus(attachment, { lun: 1 }));
      assert.equal(kindOf(await world.stage()), "WrongDevice");
      assert.deepEqual([world.machine.mounts(), world.attachment()?.status?.deviceMissing], [mounts, true]);
    }));

  it("does not count as staged where only a pod's mount is left", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.publish());
      await must(world.answerOf(world.ports().host.unmount(stagingPath, never)));
      assert.equal(kindOf(await world.stage()), "NotWriter");
    }));

  it("writes a raw disk's checkpoint before it hands it out, also after a restart", () =>
    withNode({ writer: held }, async (world) => {
      assert.equal(kindOf(await world.stage(block)), "ok");
      assert.equal(world.ports().checkpoints.volumes().length, 1);
    }));

  it("leaves a raw disk to the pod that has it, besides what other volumes have", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.publish(block));
      await must(
        world.answerOf(
          world
            .ports()
            .checkpoints.put(rawOther({ targetPaths: ["/pods/other/volumeDevices/pvc-2"] }), never),
        ),
      );
      const steps = world.steps.length;
      assert.equal(kindOf(await world.stage(block)), "ok");
      assert.deepEqual([world.steps.slice(steps), world.machine.mounts().length], [[], 1]);
    }));

  it("tunes no disk that has come to the place of the one that a pod has raw", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.publish(block));
      const other = anotherDisk();
      const volumeContext = { "device-setting/queue/read_ahead_kb": "64" };
      const staged = await world.stage(
        { accessType: "block", volumeContext },
        replacedBeforeHold(world, other),
      );
      assert.equal(kindOf(staged), "WrongDevice");
      assert.deepEqual(await settingsAt(world, 0), await settingsAt(world, 1));
    }));

  it("refuses a raw disk that one of several targets of another volume shows", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.publish(block));
      await must(
        world.answerOf(
          world
            .ports()
            .checkpoints.put(
              rawOther({ targetPaths: ["/pods/other/volumeDevices/pvc-2", targetPath] }),
              never,
            ),
        ),
      );
      assert.equal(kindOf(await world.stage(block)), "WrongDevice");
    }));

  it("unmounts nothing where nothing is mounted", () =>
    withNode({ writer: granted }, async (world) => {
      assert.equal(kindOf(await world.stage()), "ok");
      assert.deepEqual(world.steps, ["acquire", "checkpoint", "format", "mount"]);
    }));

  it("waits for grant and attach together no longer than allowed", () =>
    withNode({ writer: aWriter("node-b") }, async (world) => {
      const { stageWaitMs } = world.ports().settings;
      await world.setAttachment((attachment) => withStatus(attachment, { state: "Attaching" }));
      const began = world.clock.elapsedMs();
      const staging = stageVolume(world.ports(), request, never);
      await world.clock.advance(stageWaitMs / 2);
      await world.grantAgain();
      const staged = await world.answerOf(staging);
      assert.deepEqual(staged, {
        ok: false,
        failure: {
          kind: "StillWaiting",
          volumeId: diskUri,
          what: "its attach to node-a, which is Attaching",
        },
      });
      assert.equal(world.clock.elapsedMs() - began, stageWaitMs);
    }));
});

describe("stageVolume of a volume that several nodes may write", () => {
  it("hands out a raw disk without a grant, and writes a checkpoint", () =>
    withNode({}, async (world) => {
      await withManyWriters(world);
      assert.equal(kindOf(await world.stage(block)), "ok");
      assert.deepEqual(
        world
          .ports()
          .checkpoints.volumes()
          .map(({ epoch, lun }) => [epoch, lun]),
        [[0, 0]],
      );
    }));

  it("writes nothing to a disk that has come to the device's place, with its number", () =>
    withNode(
      {},
      async (world) => {
        await withManyWriters(world);
        const other = anotherDisk();
        other.formatMark = { diskUri: otherUri, uuid: "uuid-2" };
        const ports = replacedBeforeHold(world, other);
        const staged = await world.stage(block, ports);
        assert.deepEqual([kindOf(staged), other.formatMark?.uuid], ["WrongDevice", "uuid-2"]);
        assert.deepEqual(ports.checkpoints.volumes(), []);
        assert.equal(world.attachment()?.status?.deviceMissing, true);
      },
      { reusesNumbers: true },
    ));

  for (const { hold, does } of [
    { hold: 1, does: "stages" },
    { hold: 2, does: "publishes" },
  ])
    it(`${does} nothing by an attachment that may be from a backup`, () =>
      withNode({}, async (world) => {
        await withManyWriters(world);
        const ports = world.ports();
        let holds = 0;
        // After earlier looks at the device, and right before the last read of the attachment.
        const whileHolding: typeof ports.host.whileHolding = async (device, act, signal) => {
          holds += 1;
          if (holds === hold) await must(ports.checkpoints.putRollback(0, signal));
          return ports.host.whileHolding(device, act, signal);
        };
        const bindDevice: typeof ports.host.bindDevice = () => assert.fail("nothing is bound");
        const restored = { ...ports, host: { ...ports.host, whileHolding, bindDevice } };
        const answer = await world.publish(block, restored);
        assert.equal(!answer.ok && answer.failure.kind, "StoreRolledBack");
        assert.equal(ports.checkpoints.volumes().length, hold - 1);
      }));

  it("stages nothing while an attachment has taken no mark after a rollback", () =>
    withNode({}, async (world) => {
      await withManyWriters(world);
      const changed = async (change: (volume: AzVolume) => AzVolume | undefined): Promise<void> => {
        const next = change(await must(world.store.get("AzVolume", "pvc-1", never)));
        await must(world.store.updateStatus("AzVolume", next ?? assert.fail("no change"), never));
      };
      const unmarked = { because: "refused", incarnation: 1, nowMs: world.clock.nowMs() };
      await changed((volume) => withUnmarked(volume, unmarked));
      assert.equal(kindOf(await world.stage(block)), "StillWaiting");
      assert.deepEqual(world.ports().checkpoints.volumes(), []);
      await changed((volume) => withoutUnmarked(volume, volume));
      assert.equal(kindOf(await world.stage(block)), "ok");
    }));

  it("takes no device whose number a pod has raw as another volume", () =>
    withNode({}, async (world) => {
      await withManyWriters(world);
      await must(world.ports().checkpoints.put(rawOther({ majorMinor: "8:32" }), never));
      assert.equal(kindOf(await world.stage(block)), "WrongDevice");
    }));

  it("refuses a file system: it can be used on one node only", () =>
    withNode({}, async (world) => {
      await withManyWriters(world);
      const failure = {
        kind: "InvalidArgument",
        field: "volume_capability.access_mode",
        value: "MULTI_NODE",
        problem: "a file system can be used on one node only",
      } as const;
      assert.deepEqual(await world.stage(), { ok: false, failure });
      assert.deepEqual(world.disk.content, { kind: "blank" });
    }));
});

describe("stageVolume of a volume whose record another client has removed", () => {
  for (const accessType of ["block", "mount"] as const)
    it(`waits for a grant of ${accessType}: the record that was lost may name a writer`, () =>
      withNode({}, async (world) => {
        await withoutRecord(world);
        assert.equal(kindOf(await world.stage({ accessType })), "StillWaiting");
        assert.deepEqual([world.ports().checkpoints.volumes(), world.disk.content], [[], { kind: "blank" }]);
      }));
});

describe("stageVolume and requests for the volume", () => {
  const waits = "ControllerPublishVolume for node-a: the volume is not published to this node";
  const { writerRequest: _, ...unrequested } = { writerRequest: undefined };
  const withoutRequest = ({
    spec: { writerRequest: _writerRequest, ...spec },
    ...attachment
  }: AzVolumeAttachment): AzVolumeAttachment => ({
    ...attachment,
    spec: { ...spec, ...unrequested },
  });

  const unpublished: readonly {
    readonly because: string;
    readonly arrange: (world: NodeWorld) => Promise<unknown>;
  }[] = [
    { because: "it has no attachment", arrange: (world) => world.setAttachment(() => undefined) },
    {
      because: "it is a replica",
      arrange: (world) =>
        world.setAttachment((own) => ({
          ...withoutRequest(own),
          spec: { ...withoutRequest(own).spec, role: "Replica" },
        })),
    },
    {
      because: "its attachment is being deleted",
      arrange: (world) =>
        must(world.store.delete("AzVolumeAttachment", world.attachment()?.metadata.name ?? "", {}, never)),
    },
  ];
  for (const { because, arrange } of unpublished)
    it(`leaves the request to ControllerPublishVolume where ${because}`, () =>
      withNode({ writer: granted }, async (world) => {
        await arrange(world);
        assert.deepEqual(await world.stage(), {
          ok: false,
          failure: { kind: "StillWaiting", volumeId: diskUri, what: waits },
        });
        assert.equal(world.record()?.writer?.held, false);
      }));

  it("renews the request of a published volume that it has unstaged since", () =>
    withNode({ writer: granted }, async (world) => {
      await world.setAttachment(withoutRequest);
      assert.equal(kindOf(await world.stage()), "ok");
      assert.notEqual(world.attachment()?.spec.writerRequest, undefined);
    }));

  it("writes nothing where it is requested already", () =>
    withNode({ writer: granted }, async (world) => {
      const version = world.attachment()?.metadata.resourceVersion;
      assert.equal(kindOf(await world.stage()), "ok");
      assert.equal(world.attachment()?.metadata.resourceVersion, version);
    }));

  it("reports a store that does not respond", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = world.ports();
      const failure = { kind: "StoreUnavailable", detail: "down" } as const;
      const get: NodePorts["store"]["get"] = async (kind, name, signal) =>
        kind === "AzVolumeAttachment" ? { ok: false, failure } : ports.store.get(kind, name, signal);
      assert.deepEqual(await world.stage({}, { ...ports, store: { ...ports.store, get } }), {
        ok: false,
        failure,
      });
    }));

  it("creates the attachment itself where no other component publishes", () =>
    withNode({ writer: granted }, async (world) => {
      await world.setAttachment(() => undefined);
      const ports = world.ports();
      const staging = stageVolume(
        { ...ports, settings: { ...ports.settings, attach: "driver" } },
        request,
        never,
      );
      assert.ok(
        await world.clock.runUntil(() => world.attachment()?.spec.writerRequest !== undefined, LIMIT_MS),
      );
      assert.equal(world.attachment()?.spec.role, "Primary");
      assert.equal(kindOf(await world.answerOf(staging)), "StillWaiting");
    }));
});

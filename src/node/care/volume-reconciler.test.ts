import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AttachmentStatus } from "../../core/api/az-volume-attachment.ts";
import type { WriterRecord } from "../../core/api/az-volume.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { aRecord, aWriter, diskUri, identity } from "../../core/testing/objects.ts";
import { changedRecord, listIn, type RecordChanges } from "../../core/testing/record-lists.ts";
import { kindOf, must } from "../../core/testing/value-of.ts";
import type { Device } from "../../ports/host/device.ts";
import type { HostProvisioner } from "../../ports/host/host-provisioner.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import { aCheckpoint } from "../../ports/testing/a-checkpoint.ts";
import type { Reconciled } from "../../runtime/queue/control-loop.ts";
import { runNode } from "../lifecycle/run-node.ts";
import type { NodePorts } from "../node-ports.ts";
import type { StageRequest } from "../stage/stage-request.ts";
import { stageVolume } from "../stage/stage-volume.ts";
import { type NodeWorld, stagingPath, withNode, aStageRequest, targetPath } from "../testing/a-node.ts";

const never = new AbortController().signal;
const uuid = "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0";
const LIMIT_MS = 60_000;
const a = identity("node-a");
const mount = aStageRequest();
const block = { accessType: "block" } as const;
const granted = aWriter("node-a", { held: false });

const checkpoints = (world: NodeWorld): number => world.ports().checkpoints.volumes().length;

/** Work of another driver on this host. */
async function done<T>(world: NodeWorld, doing: Promise<Result<T>>): Promise<T> {
  const result = await world.answerOf(doing);
  assert.ok(result.ok);
  return result.value;
}

/** A pod has the volume, which no request asks for any more. */
async function publishUnrequested(world: NodeWorld): Promise<void> {
  await must(world.stage());
  await must(world.publish());
  await world.setRecord((record) => ({ ...record, writer: { ...granted, held: true, requested: false } }));
}

function withoutWriter({ writer: _, ...record }: WriterRecord): WriterRecord {
  return record;
}

const adopted: RecordChanges = { defaultAccess: "quarantined", unverified: [a] };

/** The record as one that was lost, and made again. */
function rediscovered(record: WriterRecord): WriterRecord {
  return changedRecord(withoutWriter(record), adopted);
}

/** The attachment shows where the disk was on the VM that had the node's name before. */
const onEarlierVm = (world: NodeWorld): Promise<void> =>
  world.setAttachment((present) => ({
    ...present,
    status: { ...(present.status ?? assert.fail("no status")), vmId: "earlier" },
  }));

const byV1 = "/var/lib/kubelet/plugins/kubernetes.io/csi/disk.csi.azure.com/d1f2/globalmount";
const ofPod = "/var/lib/kubelet/pods/1/volumes/kubernetes.io~csi/pvc-1/mount";

/** What the V1 driver has mounted of the disk, and bound for pods. */
async function mountAsV1(world: NodeWorld, targetPaths: readonly string[]): Promise<Device> {
  const { host } = world.ports();
  const device = await done(world, host.findDevice({ lun: 0 }, never));
  await done(world, host.format({ device, fsType: "ext4", uuid }, never));
  const staged = { device, path: byV1, fsType: "ext4", mountFlags: [], readOnly: false } as const;
  await done(world, host.mountDevice(staged, never));
  for (const path of targetPaths) {
    const bound = { stagingPath: byV1, targetPath: path, readOnly: false, mountFlags: [] };
    await done(world, host.bindMount(bound, never));
  }
  return device;
}

describe("ownVolumesReconciler", () => {
  it("looks at each mount of a volume in use once, since each look reads its device", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await must(world.publish());
      const ports = world.ports();
      const looks: string[] = [];
      const mountAt: typeof ports.host.mountAt = (path, signal) => {
        looks.push(path);
        return ports.host.mountAt(path, signal);
      };
      const host = { ...ports.host, mountAt };
      await must(world.reconcile({ ...ports, host }));
      assert.deepEqual(looks, [targetPath, stagingPath]);
    }));

  it("is not clean of a disk that it had without a checkpoint or LUN to check", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await must(world.publish());
      await world.ports().checkpoints.remove("pvc-1", never);
      await world.setAttachment(() => undefined);
      await world.setRecord(rediscovered);
      assert.equal(kindOf(await world.reconcile()), "StillWaiting");
      assert.deepEqual(listIn(world.record(), "unverified"), [a]);
      assert.equal(world.machine.mounts().length, 2);
    }));

  it("keeps a pod's mount where another node has reclaimed the volume, and reports it", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await must(world.publish());
      const reclaimed = aWriter("node-b", { epoch: 2 });
      await world.setRecord((record) =>
        changedRecord(record, { defaultAccess: "quarantined", unverified: [a], epoch: 2, writer: reclaimed }),
      );
      const ports = world.ports();
      const pass = (): Promise<Reconciled> => world.reconcile(ports);
      assert.deepEqual(await pass(), { ok: true, value: { requeueAfterMs: 2_000 } });
      assert.equal(world.machine.mounts().length, 2);
      assert.deepEqual(
        [...ports.disputes],
        [["pvc-1", "node-b has reclaimed pvc-1, which a pod of node-a uses"]],
      );
      assert.deepEqual(world.emitted.map(({ reason }) => reason).slice(-1), ["ReclaimDisputed"]);
      await must(world.unpublish());
      await pass();
      assert.deepEqual(
        [[...ports.disputes], world.machine.mounts().length, listIn(world.record(), "unverified")],
        [[], 0, []],
      );
    }));

  const byOthers: readonly [string, (record: WriterRecord) => WriterRecord][] = [
    [
      "of another store incarnation",
      (record) => ({ ...withoutWriter(record), epoch: 2, storeIncarnation: 7 }),
    ],
    ["older than its checkpoint", (record) => ({ ...withoutWriter(record), epoch: 0 })],
    [
      "of another store incarnation, in which it is unverified",
      (record) =>
        changedRecord(withoutWriter(record), {
          defaultAccess: "quarantined",
          unverified: [a],
          storeIncarnation: 7,
        }),
    ],
  ];
  for (const [which, change] of byOthers)
    it(`neither unmounts nor reclaims a volume by a record ${which}`, () =>
      withNode({ writer: granted }, async (world) => {
        await must(world.stage());
        await must(world.publish());
        await world.setRecord(change);
        const before = world.record();
        assert.equal(kindOf(await world.reconcile()), "StoreRolledBack");
        assert.deepEqual(world.record(), before);
        assert.equal(world.machine.mounts().length, 2);
      }));

  it("keeps a pod's mount by a backup of an earlier object, and records the rollback", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage(block));
      await must(world.publish(block));
      const { checkpoints: memory } = world.ports();
      const [staged] = memory.volumes();
      assert.ok(staged !== undefined);
      await done(world, memory.put({ ...staged, uid: "of-a-later-object" }, never));
      await world.setRecord(() => aRecord({ writer: aWriter("node-b", { epoch: staged.epoch }) }));
      assert.equal(kindOf(await world.reconcile()), "StoreRolledBack");
      assert.equal(memory.rollbackIncarnation(), 0);
      assert.equal(world.machine.mounts().length, 1);
    }));

  it("writes its own VM to a checkpoint with a reclaim, also over another VM's", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await must(world.publish());
      const { checkpoints: memory } = world.ports();
      const [staged] = memory.volumes();
      assert.ok(staged !== undefined);
      await done(
        world,
        memory.put({ ...staged, vm: { vmId: "vm-of-another", instanceUri: "/another" } }, never),
      );
      await world.setRecord(rediscovered);
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.equal(world.record()?.writer?.nodeName, "node-a");
      assert.deepEqual(memory.volumes()[0]?.vm, { vmId: a.vmId, instanceUri: a.instanceUri });
    }));

  it("unmounts by a record of the store's own incarnation that names another writer", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await world.setRecord((record) => ({ ...record, epoch: 2, writer: aWriter("node-b", { epoch: 2 }) }));
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.equal(world.machine.mounts().length, 0);
    }));

  it("reclaims what the V1 driver mounted for a pod, and writes a checkpoint", () =>
    withNode(adopted, async (world) => {
      await mountAsV1(world, [ofPod]);
      world.restartPlugin();
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.deepEqual(world.record()?.writer, { ...a, epoch: 1, held: true, requested: true });
      assert.equal(world.attachment()?.spec.role, "Primary");
      const [checkpoint] = world.ports().checkpoints.volumes();
      assert.deepEqual(
        [checkpoint?.epoch, checkpoint?.stagingPath, checkpoint?.targetPaths, checkpoint?.accessType],
        [1, byV1, [ofPod], "mount"],
      );
      assert.deepEqual(checkpoint?.vm, { vmId: a.vmId, instanceUri: a.instanceUri });
      const message =
        "node-a continues to write the volume, whose record was lost while a pod used it there (epoch 1)";
      assert.deepEqual(world.emitted, [
        {
          about: { kind: "AzVolume", name: "pvc-1" },
          nodeName: "node-a",
          reason: "WriterReclaimed",
          message,
        },
      ]);
      assert.equal(world.machine.mounts().length, 2);
    }));

  it("unmounts nothing of the V1 driver where the record does not name the node", () =>
    withNode({ defaultAccess: "quarantined" }, async (world) => {
      await mountAsV1(world, []);
      assert.equal(kindOf(await world.reconcile()), "DeviceBusy");
      assert.deepEqual(
        world.machine.mounts().map(({ path }) => path),
        [byV1],
      );
    }));

  it("is clean where another volume's mount has an earlier VM's LUN", () =>
    withNode({ defaultAccess: "quarantined" }, async (world) => {
      await onEarlierVm(world);
      const { host } = world.ports();
      const device = await done(world, host.findDevice({ lun: 0 }, never));
      await done(world, host.format({ device, fsType: "ext4", uuid }, never));
      const other = { device, path: "/other", fsType: "ext4", mountFlags: [], readOnly: false } as const;
      await done(world, host.mountDevice(other, never));
      assert.deepEqual(await world.reconcile(), { ok: true, value: {} });
      assert.deepEqual(listIn(world.record(), "clean"), [a]);
    }));

  it("is not clean by an earlier VM's LUN where it may have had the disk", () =>
    withNode(adopted, async (world) => {
      await onEarlierVm(world);
      assert.equal(kindOf(await world.reconcile()), "StillWaiting");
      assert.deepEqual(listIn(world.record(), "unverified"), [a]);
    }));

  it("does not reclaim a volume for another one's mount at an outdated LUN", () =>
    withNode(adopted, async (world) => {
      const { checkpoints: memory } = world.ports();
      const device = await mountAsV1(world, [ofPod]);
      const { majorMinor } = device;
      const other = { volumeName: "pvc-2", majorMinor, stagingPath: byV1, targetPaths: [ofPod] };
      await done(world, memory.put(aCheckpoint(other), never));
      assert.equal(kindOf(await world.reconcile()), "DeviceBusy");
      assert.deepEqual([world.record()?.writer, listIn(world.record(), "unverified")], [undefined, [a]]);
      assert.equal(world.machine.mounts().length, 2);
    }));

  it("reclaims what a pod uses although its attachment is being deleted", () =>
    withNode(adopted, async (world) => {
      const { store } = world.ports();
      await mountAsV1(world, [ofPod]);
      world.restartPlugin();
      await done(
        world,
        store.delete("AzVolumeAttachment", world.attachment()?.metadata.name ?? "", {}, never),
      );
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.deepEqual(world.record()?.writer, { ...a, epoch: 1, held: true, requested: true });
      assert.equal(world.machine.mounts().length, 2);
    }));

  for (const accessType of ["block", "mount"] as const)
    it(`reclaims a raw device that is bound for a pod, by that bind alone (${accessType})`, () =>
      withNode(adopted, async (world) => {
        await world.setVolume((volume) => ({
          ...volume,
          spec: { ...volume.spec, capabilities: [{ accessType, accessMode: "SINGLE_NODE_WRITER" }] },
        }));
        const { host } = world.ports();
        const device = await done(world, host.findDevice({ lun: 0 }, never));
        await done(world, host.bindDevice({ device, targetPath: ofPod, readOnly: false }, never));
        world.restartPlugin();
        assert.equal(kindOf(await world.reconcile()), "ok");
        assert.deepEqual(world.record()?.writer, { ...a, epoch: 1, held: true, requested: true });
        assert.equal(world.machine.mounts().length, 1);
        assert.equal(world.ports().checkpoints.volumes()[0]?.accessType, "block");
      }));

  it("is not clean where an attached disk has no link, and requests a read of the VM", () =>
    withNode(adopted, async (world) => {
      world.machine.detach(0);
      assert.equal(kindOf(await world.reconcile()), "DeviceNotFound");
      assert.deepEqual(listIn(world.record(), "unverified"), [a]);
      assert.equal(world.attachment()?.status?.deviceMissing, true);
    }));

  it("stays in quarantine while a process has the fenced raw device open", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage(block));
      await must(world.publish(block));
      const close = world.machine.openRaw(0);
      world.machine.cutOff(0);
      await world.setRecord((record) => changedRecord(withoutWriter(record), { quarantined: [a] }));
      await world.setAttachment(() => undefined);
      for (let pass = 1; pass <= 3; pass += 1) {
        assert.equal(kindOf(await world.reconcile()), "DeviceBusy", `pass ${pass}`);
        assert.deepEqual(listIn(world.record(), "quarantined"), [a]);
        assert.equal(checkpoints(world), 1);
      }
      close();
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.deepEqual(listIn(world.record(), "quarantined"), []);
      assert.equal(checkpoints(world), 0);
    }));

  it("stays in quarantine while a process has a raw device open that is detached", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      assert.equal((await world.stage(block)).ok, true);
      const close = world.machine.openRaw(0);
      world.machine.detach(0);
      await world.setRecord(({ writer: _writer, ...record }) =>
        changedRecord(record, { quarantined: [identity("node-a")] }),
      );
      const life = new AbortController();
      const running = runNode(world.ports(), life.signal);
      try {
        await world.clock.advance(LIMIT_MS);
        assert.equal(listIn(world.record(), "quarantined").length, 1);
        assert.equal(world.ports().checkpoints.volumes().length, 1);
        close();
        assert.ok(
          await world.clock.runUntil(() => listIn(world.record(), "quarantined").length === 0, LIMIT_MS),
        );
      } finally {
        life.abort();
        await world.answerOf(running);
      }
    }));

  it("drops its checkpoint also where the controller has cleared the record", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await world.setRecord((record) => changedRecord(withoutWriter(record), { quarantined: [a] }));
      world.during["prove-clean"] = () =>
        world.setRecord((record) => changedRecord(record, { quarantined: [] }));
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.deepEqual(
        [checkpoints(world), world.emitted.filter(({ reason }) => reason === "QuarantineLeft")],
        [0, []],
      );
    }));

  it("does not fail where another node has reclaimed the volume first", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await must(world.publish());
      await world.setRecord(rediscovered);
      const other = aWriter("node-b", { epoch: 2 });
      world.during.reclaim = () => world.setRecord((record) => ({ ...record, writer: other, epoch: 2 }));
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.deepEqual(world.record()?.writer, other);
    }));

  it("keeps its checkpoint while a process has the raw device open", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage(block));
      const close = world.machine.openRaw(0);
      await world.setRecord(withoutWriter);
      assert.deepEqual([kindOf(await world.reconcile()), checkpoints(world)], ["DeviceBusy", 1]);
      close();
      assert.deepEqual([kindOf(await world.reconcile()), checkpoints(world)], ["ok", 0]);
    }));

  it("answers a recall also where nothing is mounted and its release fails", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage(block));
      const close = world.machine.openRaw(0);
      await world.setRecord((record) => ({
        ...record,
        writer: { ...granted, held: true, requested: false },
      }));
      await world.setAttachment((attachment) => ({
        ...attachment,
        spec: { ...attachment.spec, recall: { id: "recall-1", since: "2026-01-01T00:00:00.000Z" } },
      }));
      // Slower than the unmount of nothing: its progress report is cancelled.
      world.store.setWeather({ callDelayMs: [20, 20] });
      assert.equal(kindOf(await world.reconcile()), "DeviceBusy");
      const { id, published, unmounting } = world.attachment()?.status?.recall ?? {};
      assert.deepEqual({ id, published, unmounting }, { id: "recall-1", published: [], unmounting: true });
      close();
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.equal(world.record()?.writer?.held, false);
    }));

  /** A recalled holder without a pod. Returns what makes its next release fail. */
  async function recalled(world: NodeWorld, request: Partial<StageRequest>): Promise<() => void> {
    await must(world.stage(request));
    await world.setRecord((record) => ({ ...record, writer: { ...granted, held: true, requested: false } }));
    const recall = { id: "recall-1", since: "2026-01-01T00:00:00.000Z" };
    await world.setAttachment((attachment) => ({ ...attachment, spec: { ...attachment.spec, recall } }));
    return () => {
      world.during.release = async () =>
        world.store.failNext({ fault: "unavailable", verb: "updateStatus", kind: "AzVolume" });
    };
  }

  for (const accessType of ["mount", "block"] as const)
    it(`answers a recall with the use of a raw device whose checkpoint was lost (${accessType})`, () =>
      withNode({ writer: granted }, async (world) => {
        await world.setVolume((volume) => ({
          ...volume,
          spec: { ...volume.spec, capabilities: [{ accessType, accessMode: "SINGLE_NODE_WRITER" }] },
        }));
        await must(world.publish(block));
        await recalled(world, block);
        const pod = world.machine.openVolume(targetPath);
        assert.ok(pod !== undefined);
        pod.open();
        await done(world, world.ports().checkpoints.remove("pvc-1", never));
        const answer = async (): Promise<AttachmentStatus["recall"]> => {
          assert.equal(kindOf(await world.reconcile()), "DeviceBusy");
          return world.attachment()?.status?.recall;
        };
        const first = await answer();
        assert.deepEqual(first?.published, [targetPath]);
        pod.write("/record", "1");
        pod.sync();
        await world.clock.advance(5_000);
        const second = await answer();
        assert.notEqual(second?.progress, first?.progress);
        assert.deepEqual([world.record()?.writer?.held, world.machine.mounts().length], [true, 1]);
        pod.close();
      }));

  it("answers a recall once that its release is refused, while it stays so", () =>
    withNode({ writer: granted }, async (world) => {
      const refuse = await recalled(world, mount);
      refuse();
      assert.equal(kindOf(await world.reconcile()), "StoreUnavailable");
      assert.equal(world.machine.mounts().length, 0);
      const answered = world.attachment();
      const { id, published, releaseRefused } = answered?.status?.recall ?? {};
      assert.deepEqual(
        { id, published, releaseRefused },
        { id: "recall-1", published: [], releaseRefused: true },
      );
      refuse();
      assert.equal(kindOf(await world.reconcile()), "StoreUnavailable");
      assert.equal(world.attachment()?.metadata.resourceVersion, answered?.metadata.resourceVersion);
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.equal(world.record()?.writer?.held, false);
    }));

  it("no longer answers that its release is refused once a process has the device open", () =>
    withNode({ writer: granted }, async (world) => {
      const refuse = await recalled(world, block);
      refuse();
      assert.equal(kindOf(await world.reconcile()), "StoreUnavailable");
      assert.equal(world.attachment()?.status?.recall?.releaseRefused, true);
      world.machine.openRaw(0);
      assert.equal(kindOf(await world.reconcile()), "DeviceBusy");
      assert.equal(world.attachment()?.status?.recall?.releaseRefused, undefined);
    }));

  it("says on its Node what has the disk of a recalled volume once it is unmounted", () =>
    withNode({ writer: granted }, async (world) => {
      await recalled(world, mount);
      const copy = world.machine.openVolume(stagingPath);
      const stillUsed = (): readonly string[] =>
        world.emitted.flatMap(({ reason, message }) => (reason === "DiskStillUsed" ? message : []));
      assert.equal(kindOf(await world.reconcile()), "DeviceBusy");
      assert.deepEqual([world.machine.mounts(), stillUsed()], [[], []], "it may just be ending");
      assert.equal(kindOf(await world.reconcile()), "DeviceBusy");
      assert.equal(stillUsed().length, 1);
      assert.match(stillUsed()[0] ?? "", /^node-a can't release it: .*it is mounted for process 1/u);
      copy?.close();
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.deepEqual([world.record()?.writer?.held, stillUsed().length], [false, 1]);
    }));

  const unfinished: readonly {
    readonly because: string;
    readonly changed: Partial<HostProvisioner>;
    readonly expected: RegExp;
  }[] = [
    {
      because: "its disk is slow to carry out writes",
      changed: {
        isClean: () =>
          Promise.resolve(ok({ clean: false, reason: "2 writes are under way", endsByItself: true })),
      },
      expected: /^node-a can't release it: .* is busy: 2 writes are under way/u,
    },
    {
      because: "umount has not ended",
      changed: {
        unmount: () =>
          Promise.resolve(fail({ kind: "HostCommandTimedOut", command: "umount", timeoutMs: 1 })),
      },
      expected: /^node-a can't release it: umount did not end within 1 ms/u,
    },
  ];
  for (const { because, changed, expected } of unfinished)
    it(`names no program to end where ${because}`, () =>
      withNode({ writer: granted }, async (world) => {
        await recalled(world, mount);
        const ports = world.ports();
        const host = { ...ports.host, ...changed };
        for (let pass = 1; pass <= 2; pass += 1)
          assert.notEqual(kindOf(await world.reconcile({ ...ports, host })), "ok", `pass ${pass}`);
        const told = world.emitted.filter(({ reason }) => /DiskStillUsed|ReleaseUnfinished/u.test(reason));
        assert.equal(told[0]?.reason, "ReleaseUnfinished");
        assert.match(told[0].message, expected);
        assert.ok(told.every(({ reason }) => reason === "ReleaseUnfinished"));
      }));

  it("says nothing of a disk in use that was not recalled: an unstage may be under way", () =>
    withNode({ writer: granted }, async (world) => {
      await recalled(world, mount);
      await world.setAttachment(({ spec: { recall: _, ...spec }, ...rest }) => ({ ...rest, spec }));
      const copy = world.machine.openVolume(stagingPath);
      for (let pass = 1; pass <= 3; pass += 1)
        assert.equal(kindOf(await world.reconcile()), "DeviceBusy", `pass ${pass}`);
      assert.deepEqual(world.emitted, []);
      copy?.close();
    }));

  it("reports a busy workload's progress to a recall every five seconds", () =>
    withNode({ writer: granted }, async (world) => {
      await publishUnrequested(world);
      await world.setAttachment((attachment) => ({
        ...attachment,
        spec: { ...attachment.spec, recall: { id: "recall-1", since: "2026-01-01T00:00:00.000Z" } },
      }));
      const volume = world.machine.openVolume(targetPath);
      assert.ok(volume !== undefined);
      volume.open();
      const versionAfterWrite = async (text: string): Promise<string | undefined> => {
        volume.write("/record", text);
        volume.sync();
        assert.equal(kindOf(await world.reconcile()), "ok");
        return world.attachment()?.metadata.resourceVersion;
      };
      const first = await versionAfterWrite("1");
      assert.equal(await versionAfterWrite("2"), first);
      await world.clock.advance(5_000);
      assert.notEqual(await versionAfterWrite("3"), first);
      assert.deepEqual(world.attachment()?.status?.recall?.published, [targetPath]);
      volume.close();
    }));

  it("reports a pod's progress to a recall also while it can't look at the mounts", () =>
    withNode({ writer: granted }, async (world) => {
      await publishUnrequested(world);
      const recallAs = (id: string) =>
        world.setAttachment((attachment) => ({
          ...attachment,
          spec: { ...attachment.spec, recall: { id, since: "2026-01-01T00:00:00.000Z" } },
        }));
      await recallAs("recall-1");
      const volume = world.machine.openVolume(targetPath) ?? assert.fail("nothing is mounted");
      volume.open();
      const answer = () => world.attachment()?.status?.recall ?? assert.fail("no answer");
      assert.equal(kindOf(await world.reconcile()), "ok");
      const first = answer();
      const ports = world.ports();
      const hidden = fail({ kind: "HostNotReady", detail: "the mount is hidden" } as const);
      const host = { ...ports.host, mountAt: async () => hidden };
      const pass = async (): Promise<void> => {
        await world.clock.advance(5_000);
        const passed = await world.reconcile({ ...ports, host });
        assert.deepEqual(passed, hidden);
      };
      await pass();
      assert.deepEqual(answer(), first, "nothing was written: an unmount that stalls is noticed");
      volume.write("/record", "1");
      volume.sync();
      await pass();
      const { progress, time, ...same } = answer();
      assert.notEqual(progress, first.progress);
      assert.deepEqual(same, { id: "recall-1", published: [targetPath], unmounting: false });
      await recallAs("recall-2");
      volume.write("/record", "2");
      volume.sync();
      await pass();
      assert.equal(answer().time, time, "it does not know what to answer to another recall");
      volume.close();
    }));

  it("reports the mounts that it removes and the quarantine that it leaves", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await must(world.publish());
      await world.setRecord((record) => changedRecord(withoutWriter(record), { quarantined: [a] }));
      await world.reconcile();
      assert.deepEqual(listIn(world.record(), "quarantined"), []);
      const event = { about: { kind: "AzVolume", name: "pvc-1" }, nodeName: "node-a" } as const;
      const removed =
        "node-a may not have the volume any more and has removed its mounts: " +
        `${targetPath}, ${stagingPath}`;
      const lost =
        "pods of node-a have lost the volume, and find an empty read-only folder in its place: " + targetPath;
      assert.deepEqual(world.emitted, [
        { ...event, reason: "PodLostDisk", message: lost },
        { ...event, reason: "StaleMountsRemoved", message: removed },
        {
          ...event,
          reason: "QuarantineLeft",
          message: "node-a is clean of the volume that it was fenced from",
        },
      ]);
    }));

  it("releases nothing and keeps its checkpoint where it could not unmount a raw disk", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage(block));
      await must(world.publish(block));
      await world.setRecord((record) => changedRecord(withoutWriter(record), { quarantined: [a] }));
      const failure = { kind: "HostCommandFailed", command: "umount", exitCode: 32, stderr: "" } as const;
      world.machine.failNext("unmount", failure);
      assert.deepEqual(await world.reconcile(), { ok: false, failure });
      assert.deepEqual(
        [world.machine.mounts().length, checkpoints(world), listIn(world.record(), "quarantined")],
        [1, 1, [a]],
      );
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.deepEqual(
        [world.machine.mounts(), checkpoints(world), listIn(world.record(), "quarantined")],
        [[], 0, []],
      );
    }));

  it("leaves quarantine only once it could mount a placeholder at a pod's target", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await must(world.publish());
      await world.setRecord((record) => changedRecord(withoutWriter(record), { quarantined: [a] }));
      const failure = { kind: "HostCommandFailed", command: "mount", exitCode: 32, stderr: "" } as const;
      world.machine.failNext("mountPlaceholder", failure);
      assert.deepEqual(await world.reconcile(), { ok: false, failure });
      assert.deepEqual([listIn(world.record(), "quarantined"), world.emitted], [[a], []]);
    }));

  it("reports what the flush before a placeholder shows to be lost", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await must(world.publish());
      await world.setRecord((record) => changedRecord(withoutWriter(record), { quarantined: [a] }));
      const failure = { kind: "WritesLost", devicePath: "/dev/sdc", detail: "Input/output error" } as const;
      world.machine.failNext("mountPlaceholder", failure);
      assert.deepEqual(await world.reconcile(), { ok: false, failure });
      const lost = (): readonly string[] =>
        world.emitted.flatMap(({ reason, message }) => (reason === "WritesLost" ? message : []));
      const message = "not all that was written to the volume on node-a is on its disk: Input/output error";
      assert.deepEqual(lost(), [message]);
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.deepEqual([lost(), listIn(world.record(), "quarantined")], [[message], []]);
    }));

  it("reports no stale mounts where it had none", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage(block));
      await world.setRecord((record) => changedRecord(withoutWriter(record), { quarantined: [a] }));
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["QuarantineLeft"],
      );
    }));

  it("drops the checkpoint of a volume that it released", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await world.setRecord((record) => ({
        ...record,
        writer: { ...granted, held: true, requested: false },
      }));
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.deepEqual([world.record()?.writer?.held, checkpoints(world)], [false, 0]);
    }));

  it("reclaims a raw disk by the name that a pod uses, with a checkpoint for it", () =>
    withNode(adopted, async (world) => {
      await world.setVolume((volume) => ({
        ...volume,
        spec: { ...volume.spec, capabilities: [{ accessType: "block", accessMode: "SINGLE_NODE_WRITER" }] },
      }));
      const device = await done(world, world.ports().host.findDevice({ lun: 0 }, never));
      await done(world, world.ports().host.bindDevice({ device, targetPath: ofPod, readOnly: false }, never));
      assert.equal(kindOf(await world.reconcile()), "ok");
      const [checkpoint] = world.ports().checkpoints.volumes();
      assert.deepEqual(
        [checkpoint?.accessType, checkpoint?.targetPaths, checkpoint?.epoch],
        ["block", [ofPod], 1],
      );
    }));

  it("reclaims a raw disk in use after its record was lost, and leaves it to the pod", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage(block));
      await must(world.publish(block));
      await world.setRecord(rediscovered);
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.deepEqual(
        [world.record()?.writer?.nodeName, world.machine.mounts().map(({ path }) => path)],
        ["node-a", [targetPath]],
      );
    }));

  it("finds V1's own staging path, whatever path of a pod sorts before it", () =>
    withNode(adopted, async (world) => {
      const early = "/mnt/early";
      await mountAsV1(world, [early]);
      assert.equal(kindOf(await world.reconcile()), "ok");
      const [checkpoint] = world.ports().checkpoints.volumes();
      assert.deepEqual([checkpoint?.stagingPath, checkpoint?.targetPaths], [byV1, [early]]);
    }));

  it("reports a host that can't look for the disk, but no missing disk", () =>
    withNode(adopted, async (world) => {
      world.machine.failNext("findDevice", { kind: "HostCommandTimedOut", command: "ls", timeoutMs: 1 });
      assert.equal(kindOf(await world.reconcile()), "HostCommandTimedOut");
      assert.notEqual(world.attachment()?.status?.deviceMissing, true);
    }));

  it("is clean of a disk that is neither attached nor there", () =>
    withNode(adopted, async (world) => {
      world.machine.detach(0);
      await world.setAttachment((attachment) =>
        attachment.status === undefined
          ? attachment
          : { ...attachment, status: { ...attachment.status, state: "Detaching" } },
      );
      assert.notEqual(kindOf(await world.reconcile()), "DeviceNotFound");
      assert.notEqual(world.attachment()?.status?.deviceMissing, true);
    }));

  it("answers a recall that pods have the volume, and that it does not unmount", () =>
    withNode({ writer: granted }, async (world) => {
      await publishUnrequested(world);
      const recall = { id: "recall-1", since: "2026-01-01T00:00:00.000Z" };
      await world.setAttachment((attachment) => ({ ...attachment, spec: { ...attachment.spec, recall } }));
      assert.deepEqual(await world.reconcile(), { ok: true, value: { requeueAfterMs: 500 } });
      const { published, unmounting } = world.attachment()?.status?.recall ?? {};
      assert.deepEqual([published, unmounting], [[targetPath], false]);
    }));

  describe("a target that is still published when its volume is removed", () => {
    const cutOff = async (world: NodeWorld): Promise<void> => {
      await must(world.stage());
      await must(world.publish());
      world.machine.detach(0);
      await world.setRecord((record) => changedRecord(withoutWriter(record), { quarantined: [a] }));
    };
    const unpublish = (world: NodeWorld) => must(world.unpublish());

    it("gets a placeholder that refuses a restarted container's writes and is no use", () =>
      withNode({ writer: granted }, async (world) => {
        await cutOff(world);
        assert.equal(kindOf(await world.reconcile()), "ok");
        assert.deepEqual(world.machine.placeholders(), [targetPath]);
        assert.equal(world.machine.openVolume(targetPath)?.write("record", "text").kind, "EROFS");
        assert.deepEqual(
          [listIn(world.record(), "quarantined"), checkpoints(world), world.machine.mounts()],
          [[], 0, []],
        );
      }));

    it("is free again once it is unpublished", () =>
      withNode({ writer: granted }, async (world) => {
        await cutOff(world);
        await world.reconcile();
        await unpublish(world);
        assert.deepEqual(world.machine.placeholders(), []);
        assert.equal(world.machine.openVolume(targetPath), undefined);
      }));

    it("gets a placeholder also after a restart between removal and placeholder", () =>
      withNode({ writer: granted }, async (world) => {
        await cutOff(world);
        await done(world, world.ports().host.unmount(targetPath, never));
        world.machine.makeDirectory(targetPath);
        world.restartPlugin();
        await world.reconcile();
        assert.deepEqual(world.machine.placeholders(), [targetPath]);
      }));

    it("is reported once, and is no use of the volume, while the node is not clean yet", () =>
      withNode({ writer: granted }, async (world) => {
        await cutOff(world);
        const inContainer = world.machine.openVolume(targetPath);
        for (let pass = 1; pass <= 3; pass += 1)
          assert.equal(kindOf(await world.reconcile()), "DeviceBusy", `pass ${pass}`);
        const emitted = world.emitted.map(({ reason }) => reason);
        const stillUsed = ["DiskStillUsed", "DiskStillUsed"];
        assert.deepEqual(emitted, ["PodLostDisk", "StaleMountsRemoved", ...stillUsed]);
        // A rebuilt record does not let a placeholder be reclaimed.
        await world.setRecord((record) =>
          changedRecord(record, { quarantined: [], defaultAccess: "quarantined", unverified: [a] }),
        );
        assert.equal(kindOf(await world.reconcile()), "DeviceBusy");
        assert.equal(world.record()?.writer, undefined);
        inContainer?.close();
        assert.equal(kindOf(await world.reconcile()), "ok");
        assert.deepEqual(listIn(world.record(), "unverified"), []);
      }));

    it("gets none where its directory was removed", () =>
      withNode({ writer: granted }, async (world) => {
        await cutOff(world);
        await done(world, world.ports().host.unmount(targetPath, never));
        await world.reconcile();
        assert.deepEqual(world.machine.placeholders(), []);
      }));

    it("gets the volume again once the record allows it, or else the placeholder again", () =>
      withNode({ writer: granted }, async (world) => {
        await cutOff(world);
        await world.reconcile();
        world.machine.attach({ lun: 0, disk: world.disk });
        await world.setRecord((record) => ({ ...record, writer: { ...granted, epoch: 2 }, epoch: 2 }));
        await must(world.publish());
        assert.deepEqual(world.machine.placeholders(), []);
        assert.equal(world.machine.openVolume(targetPath)?.open().kind, "done");
        await world.setRecord((record) => changedRecord(withoutWriter(record), { quarantined: [a] }));
        world.machine.detach(0);
        assert.notEqual(kindOf(await world.reconcile()), "ok");
        assert.deepEqual(world.machine.placeholders(), [targetPath]);
        await unpublish(world);
        assert.deepEqual(world.machine.placeholders(), []);
      }));

    it("gets none where it is a raw device's: nothing is started without the device", () =>
      withNode({ writer: granted }, async (world) => {
        await must(world.stage(block));
        await must(world.publish(block));
        world.machine.detach(0);
        await world.setRecord((record) => changedRecord(withoutWriter(record), { quarantined: [a] }));
        assert.equal(kindOf(await world.reconcile()), "ok");
        assert.deepEqual([world.machine.placeholders(), world.machine.mounts()], [[], []]);
      }));
  });

  it("requests nothing from the store where a healthy writer has nothing to do", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await must(world.publish());
      const ports = world.ports();
      const reads: string[] = [];
      const store: ObjectStore = {
        ...ports.store,
        get: (kind, name, signal) => {
          reads.push(`${kind} ${name}`);
          return ports.store.get(kind, name, signal);
        },
      };
      assert.equal(kindOf(await world.reconcile({ ...ports, store })), "ok");
      assert.deepEqual([...reads], []);
      await world.setRecord((record) => changedRecord(withoutWriter(record), { quarantined: [a] }));
      await world.reconcile({ ...ports, store });
      assert.equal(reads.includes("AzVolume pvc-1"), true, "nothing is done by what the cache says");
    }));

  it("reads a volume that its cache does not follow, to leave a quarantine", () =>
    withNode({ defaultAccess: "quarantined" }, async (world) => {
      const ports = world.ports();
      const { cache } = ports;
      const blind: NodePorts["cache"] = {
        ...cache,
        get: (kind, name) => (kind === "AzVolume" ? undefined : cache.get(kind, name)),
      };
      assert.equal(kindOf(await world.reconcile({ ...ports, cache: blind })), "ok");
      assert.deepEqual(listIn(world.record(), "clean"), [a]);
    }));

  it("reports nothing of a quarantine that only an adopted record implies", () =>
    withNode({ defaultAccess: "quarantined" }, async (world) => {
      await world.reconcile();
      assert.deepEqual([listIn(world.record(), "clean"), world.emitted], [[a], []]);
    }));

  it("leaves a quarantine while a stage waits for a grant that requires this", () =>
    withNode({ defaultAccess: "quarantined" }, async (world) => {
      const ports = { ...world.ports(), settings: { ...world.ports().settings, attach: "driver" as const } };
      const staged = ports.locks.run(diskUri, "NodeStageVolume", () => stageVolume(ports, mount, never));
      assert.ok(await world.clock.runUntil(() => world.steps.includes("request"), LIMIT_MS));
      assert.deepEqual(await world.reconcile(ports), {
        ok: true,
        value: {},
      });
      assert.deepEqual(listIn(world.record(), "clean"), [a]);
      await world.setRecord((record) => ({ ...record, writer: granted, epoch: 1 }));
      assert.equal((await world.answerOf(staged)).ok, true);
    }));

  const deleteVolume = async (world: NodeWorld): Promise<void> => {
    await world.setVolume((volume) => ({ ...volume, metadata: { ...volume.metadata, finalizers: [] } }));
    await done(world, world.store.delete("AzVolume", "pvc-1", {}, never));
    const { cache } = world.ports();
    assert.ok(await world.clock.runUntil(() => cache.get("AzVolume", "pvc-1") === undefined, LIMIT_MS));
  };
  const inDriverMode = (world: NodeWorld): NodePorts => ({
    ...world.ports(),
    settings: { ...world.ports().settings, attach: "driver" },
  });

  it("drops the checkpoint of a volume without objects, and of no other volume", () =>
    withNode({ writer: granted }, async (world) => {
      const { checkpoints: memory } = world.ports();
      const other = aCheckpoint({ volumeName: "pvc-0", lun: 5, majorMinor: "8:80" });
      await done(world, memory.put(other, never));
      await must(world.stage());
      await done(world, world.ports().host.unmount(stagingPath, never));
      await world.setAttachment(() => undefined);
      await deleteVolume(world);
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.deepEqual(
        memory.volumes().map(({ volumeName }) => volumeName),
        ["pvc-0"],
      );
    }));

  it("keeps what a pod has mounted of a volume whose object is gone", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await must(world.publish());
      await deleteVolume(world);
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.deepEqual([world.machine.mounts().length, checkpoints(world)], [2, 1]);
    }));

  it("reports a disputed volume during a call, and until the record names this node", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await must(world.publish());
      const before = world.record();
      assert.ok(before !== undefined);
      await world.setRecord((record) =>
        changedRecord(record, {
          defaultAccess: "quarantined",
          unverified: [a],
          epoch: 2,
          writer: aWriter("node-b", { epoch: 2 }),
        }),
      );
      const ports = world.ports();
      const pass = (): Promise<Reconciled> => world.reconcile(ports);
      await pass();
      const call = Promise.withResolvers<Result<void>>();
      const calling = ports.locks.run(diskUri, "NodeStageVolume", () => call.promise);
      assert.equal(kindOf(await pass()), "ok");
      assert.equal(ports.disputes.size, 1);
      call.resolve({ ok: true, value: undefined });
      await world.answerOf(calling);
      await world.setRecord(() => before);
      assert.ok(
        await world.clock.runUntil(
          () => ports.cache.get("AzVolume", "pvc-1")?.status?.record?.writer?.nodeName === "node-a",
          LIMIT_MS,
        ),
      );
      assert.deepEqual([await pass(), ports.disputes.size], [{ ok: true, value: {} }, 0]);
    }));

  it("unmounts and releases a recalled volume whose disk has gone from under its pod", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await must(world.publish());
      world.machine.detach(0);
      await world.setRecord((record) => ({
        ...record,
        writer: { ...granted, held: true, requested: false },
      }));
      const recall = { id: "recall-1", since: "2026-01-01T00:00:00.000Z" };
      await world.setAttachment((attachment) => ({ ...attachment, spec: { ...attachment.spec, recall } }));
      await world.reconcile();
      assert.deepEqual([world.machine.mounts(), world.machine.placeholders()], [[], [targetPath]]);
    }));

  it("releases nothing that it could not unmount", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await world.setRecord((record) => ({
        ...record,
        writer: { ...granted, held: true, requested: false },
      }));
      const failure = { kind: "HostCommandFailed", command: "umount", exitCode: 32, stderr: "" } as const;
      world.machine.failNext("unmount", failure);
      assert.deepEqual(await world.reconcile(), { ok: false, failure });
      assert.deepEqual(
        [world.record()?.writer?.held, checkpoints(world), world.machine.mounts().length],
        [true, 1, 1],
      );
    }));

  it("unbinds every target of a revoked raw disk in one pass", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage(block));
      for (const path of [targetPath, `${targetPath}-2`])
        await must(world.publish({ ...block, targetPath: path }));
      await world.setRecord((record) => changedRecord(withoutWriter(record), { quarantined: [a] }));
      assert.equal(kindOf(await world.reconcile()), "ok");
      assert.deepEqual([world.machine.mounts(), listIn(world.record(), "quarantined")], [[], []]);
    }));

  it("renews a lost request with attach: driver, with the volume's context", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await must(world.publish());
      const volumeContext = { cachingmode: "ReadOnly" };
      const volume = await done(world, world.store.get("AzVolume", "pvc-1", never));
      const withContext = { ...volume, spec: { ...volume.spec, volumeContext } };
      await done(world, world.store.update("AzVolume", withContext, never));
      await world.setAttachment(() => undefined);
      const isSeen = (): boolean =>
        world.ports().cache.byIndex("AzVolumeAttachment", "volumeName", "pvc-1").length === 0;
      assert.ok(await world.clock.runUntil(isSeen, LIMIT_MS));
      assert.deepEqual(
        [kindOf(await world.reconcile()), world.attachment()],
        ["ok", undefined],
        "the orchestrator publishes, and states it",
      );
      assert.equal(kindOf(await world.reconcile(inDriverMode(world))), "ok");
      const { role, writerRequest, volumeContext: stated } = world.attachment()?.spec ?? {};
      assert.deepEqual([role, writerRequest !== undefined, stated], ["Primary", true, volumeContext]);
    }));

  for (const [attach, made] of [
    ["kubernetes", undefined],
    ["driver", "Primary"],
  ] as const)
    it(`reclaims what a pod uses, and creates ${made ?? "no"} attachment with attach: ${attach}`, () =>
      withNode({ writer: granted }, async (world) => {
        await must(world.stage());
        await must(world.publish());
        const { checkpoints: memory } = world.ports();
        const [staged] = memory.volumes();
        assert.ok(staged !== undefined);
        await done(world, memory.put({ ...staged, uid: "uid-of-the-lost-object" }, never));
        await world.setAttachment(() => undefined);
        await world.setRecord(rediscovered);
        const ports = { ...world.ports(), settings: { ...world.ports().settings, attach } };
        assert.equal(kindOf(await world.reconcile(ports)), "ok");
        assert.deepEqual([world.record()?.writer?.nodeName, world.attachment()?.spec.role], ["node-a", made]);
        const volume = await done(world, world.store.get("AzVolume", "pvc-1", never));
        assert.equal(memory.volumes()[0]?.uid, volume.metadata.uid);
      }));
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeFailure } from "../../core/failure/describe-failure.ts";
import { ok, type Result } from "../../core/failure/result.ts";
import { aWriter, diskUri } from "../../core/testing/objects.ts";
import { kindOf, must } from "../../core/testing/value-of.ts";
import type { InstanceMetadataService } from "../../ports/cloud/instance-metadata.ts";
import { pacedMetadata } from "../paced-metadata.ts";
import { aMachine } from "../testing/a-machine.ts";
import { anotherDisk, aStageRequest, type NodeWorld, otherUri, withNode } from "../testing/a-node.ts";
import { stageVolume } from "./stage-volume.ts";

const never = new AbortController().signal;
const raw = { accessType: "block" } as const;
const granted = aWriter("node-a", { held: false });
const LOOK_MAX_MS = 10_000;
/** A firewall drops the question. */
const hanging: InstanceMetadataService = {
  read: (signal) =>
    new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve({ ok: false, failure: { kind: "Cancelled" } }));
    }),
};
const silent = { kind: "HostNotReady", detail: "no answer" } as const;

/** The store is a backup: the disk has left the node since, and another one of its size has its LUN. */
function replaceDisk({ machine }: NodeWorld): ReturnType<typeof anotherDisk> {
  const other = anotherDisk();
  machine.detach(0);
  machine.attach({ lun: 0, disk: other });
  return other;
}

const isMissed = (world: NodeWorld): boolean => world.attachment()?.status?.deviceMissing === true;
const disksAt = (world: NodeWorld): readonly string[] => world.machine.mounts().map((mount) => mount.diskUri);

/** A controller reads the VM once a disk is missed, and finds this one at that LUN. */
async function whileLookedUp<T>(
  world: NodeWorld,
  lun: number,
  acting: Promise<Result<T>>,
): Promise<Result<T>> {
  assert.ok(await world.clock.runUntil(() => isMissed(world), LOOK_MAX_MS));
  await world.setAttachment((attachment) => ({
    ...attachment,
    status: { ...attachment.status, state: "Attached", lun, deviceMissing: false },
  }));
  return world.answerOf(acting);
}

describe("a raw disk whose place is known from a backup alone", () => {
  it("is handed out to no pod while no controller runs, where another disk has its LUN", () =>
    withNode({ writer: granted }, async (world) => {
      replaceDisk(world);
      const staged = await world.stage(raw);
      assert.equal(
        staged.ok ? "ok" : describeFailure(staged.failure),
        `volume "${diskUri}": still waiting for a controller to read in Azure at which LUN it is on ` +
          "node-a: by its attachment it is at LUN 0, and the VM's instance metadata lists " +
          `${otherUri} at LUN 0; the work continues, call again`,
      );
      assert.deepEqual(
        [isMissed(world), world.record()?.writer?.held, world.ports().checkpoints.volumes()],
        [true, false, []],
      );
      assert.equal(kindOf(await world.publish(raw)), "StillWaiting");
      assert.deepEqual(disksAt(world), []);
    }));

  it("is handed out once a controller has read where it is", () =>
    withNode({ writer: granted }, async (world) => {
      replaceDisk(world);
      world.machine.attach({ lun: 1, disk: world.disk });
      const staging = stageVolume(world.ports(), aStageRequest(raw), never);
      assert.equal(kindOf(await whileLookedUp(world, 1, staging)), "WrongDevice");
      await world.setAttachment((attachment) => ({
        ...attachment,
        status: { ...attachment.status, state: "Attached", lun: 1, deviceMissing: false },
      }));
      assert.equal(kindOf(await world.publish(raw)), "ok");
      assert.deepEqual(disksAt(world), [diskUri]);
    }));

  it("is published to no further pod, where another disk has got its number", () =>
    withNode(
      { writer: granted },
      async (world) => {
        await must(world.stage(raw));
        replaceDisk(world);
        assert.equal(kindOf(await world.publish(raw)), "StillWaiting");
        assert.deepEqual(disksAt(world), []);
      },
      { reusesNumbers: true },
    ));

  it("is handed out to no pod either where several nodes may write it", () =>
    withNode({}, async (world) => {
      await world.setVolume((volume) => ({
        ...volume,
        spec: {
          ...volume.spec,
          capabilities: [{ accessType: "block", accessMode: "MULTI_NODE_MULTI_WRITER" }],
        },
      }));
      replaceDisk(world);
      assert.equal(kindOf(await world.stage(raw)), "StillWaiting");
      assert.deepEqual(world.ports().checkpoints.volumes(), []);
    }));
});

describe("instance metadata that is behind, or does not answer", () => {
  const objections = [
    { because: "lists the disk late", change: { disks: [] } },
    { because: "lists a disk that has left", change: { disks: [{ lun: 0, diskUri: otherUri }] } },
    { because: "does not answer", change: { fault: silent } },
  ];
  for (const { because, change } of objections)
    it(`refuses no disk that a controller finds at its LUN: it ${because}`, () =>
      withNode({ writer: granted }, async (world) => {
        Object.assign(world.metadata, change);
        const ports = world.ports();
        const staging = stageVolume(ports, aStageRequest(raw), never);
        assert.equal(kindOf(await whileLookedUp(world, 0, staging)), "ok");
        assert.equal(kindOf(await world.publish(raw, ports)), "ok");
        assert.deepEqual([disksAt(world), isMissed(world)], [[diskUri], false], "one read of Azure suffices");
      }));

  it("has Azure read again where it says something else than before, or a minute later", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = world.ports();
      world.metadata.disks = [];
      assert.equal(
        kindOf(await whileLookedUp(world, 0, stageVolume(ports, aStageRequest(raw), never))),
        "ok",
      );
      world.metadata.disks = [{ lun: 0, diskUri: otherUri }];
      assert.equal(
        kindOf(await whileLookedUp(world, 0, stageVolume(ports, aStageRequest(raw), never))),
        "ok",
      );
      await world.clock.advance(60_000);
      assert.equal(kindOf(await world.stage(raw, ports)), "StillWaiting");
    }));

  it("has Azure read where a node uses none", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = { ...world.ports(), metadata: undefined };
      const staging = stageVolume(ports, aStageRequest(raw), never);
      assert.equal(kindOf(await whileLookedUp(world, 0, staging)), "ok");
    }));

  it("is waited for a second at most", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = { ...world.ports(), metadata: pacedMetadata(hanging, world.clock) };
      const beganMs = world.clock.elapsedMs();
      const staging = stageVolume(ports, aStageRequest(raw), never);
      assert.ok(await world.clock.runUntil(() => isMissed(world), LOOK_MAX_MS));
      assert.equal(world.clock.elapsedMs() - beganMs, 1_000);
      assert.equal(kindOf(await whileLookedUp(world, 0, staging)), "ok");
    }));

  it("has no controller asked by a call that is cancelled", () =>
    withNode({ writer: granted }, async (world) => {
      const ports = { ...world.ports(), metadata: pacedMetadata(hanging, world.clock) };
      const call = new AbortController();
      const staging = stageVolume(ports, aStageRequest(raw), call.signal);
      await world.clock.advance(500);
      call.abort("cancelled");
      assert.equal(kindOf(await world.answerOf(staging)), "Cancelled");
      assert.equal(isMissed(world), false);
    }));

  const lags = [
    { lagMs: 1_000, stagedMs: 1_750, isAsked: false },
    { lagMs: 5_000, stagedMs: 5_750, isAsked: false },
    { lagMs: 30_000, stagedMs: 5_750, isAsked: true },
  ];
  for (const { lagMs, stagedMs, isAsked } of lags)
    it(`costs ${isAsked ? "one look" : "no call"} of a controller where it is ${lagMs} ms behind`, () =>
      withNode({ writer: granted }, async (world) => {
        const beganMs = world.clock.elapsedMs();
        const tookMs = (): number => world.clock.elapsedMs() - beganMs;
        const ports = world.ports();
        const metadata: InstanceMetadataService = {
          read: async () => ok(aMachine({ dataDisks: tookMs() < lagMs ? [] : [{ lun: 0, diskUri }] })),
        };
        const staging = stageVolume({ ...ports, metadata }, aStageRequest(), never);
        const staged = await (isAsked ? whileLookedUp(world, 0, staging) : world.answerOf(staging));
        assert.deepEqual([kindOf(staged), isMissed(world), tookMs()], ["ok", false, stagedMs]);
      }));

  it("keeps no volume from its node whose file system is known by its UUID", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      const { asked } = world.metadata;
      await must(world.unstage());
      await world.grantAgain();
      world.metadata.fault = silent;
      assert.equal(kindOf(await world.stage()), "ok");
      assert.deepEqual([asked, world.metadata.asked], [1, 1], "the first format alone asks");
    }));
});

describe("a blank disk", () => {
  it("is not formatted where instance metadata lists another volume's disk at its LUN", () =>
    withNode({ writer: granted }, async (world) => {
      const other = replaceDisk(world);
      assert.equal(kindOf(await world.stage()), "StillWaiting");
      assert.deepEqual([other.content, other.formatMark], [{ kind: "blank" }, undefined]);
      assert.equal(world.record()?.writer?.held, false);
    }));
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import { fail } from "../../core/failure/result.ts";
import { aWriter } from "../../core/testing/objects.ts";
import type { HostProvisioner } from "../../ports/host/host-provisioner.ts";
import { type NodeWorld, withNode } from "../testing/a-node.ts";
import { replicasReconciler } from "./replica-probe.ts";

const never = new AbortController().signal;
const LUN = 0;

function asReplica(attachment: AzVolumeAttachment): AzVolumeAttachment {
  const { writerRequest: _, ...spec } = attachment.spec;
  return { ...attachment, spec: { ...spec, role: "Replica" } };
}

/** node-a has the disk of a volume that node-b writes. */
function withReplica(act: (world: NodeWorld) => Promise<void>): Promise<void> {
  return withNode({ writer: aWriter("node-b") }, async (world) => {
    await world.setAttachment(asReplica);
    await act(world);
  });
}

async function look(world: NodeWorld, host: Partial<HostProvisioner> = {}): Promise<void> {
  const ports = world.ports();
  const looked = await world.answerOf(
    replicasReconciler({ ...ports, host: { ...ports.host, ...host } }).reconcile("node", never),
  );
  assert.ok(looked.ok);
}

describe("replicasReconciler", () => {
  it("reports a missing disk to the controller before a failover relies on it", () =>
    withReplica(async (world) => {
      world.machine.detach(LUN);
      await look(world);
      assert.equal(world.attachment()?.status?.deviceMissing, true);
    }));

  it("reports nothing for a disk that is there", () =>
    withReplica(async (world) => {
      await look(world);
      assert.equal(world.attachment()?.status?.deviceMissing, undefined);
    }));

  it("looks at each disk, and reports the first that can't be looked for", () =>
    withReplica(async (world) => {
      const replica = world.attachment() ?? assert.fail("no attachment");
      const another = { ...replica, status: { state: "Attached", ...replica.status, lun: LUN + 1 } };
      const ports = world.ports();
      const byIndex = (() => [another, replica]) as unknown as typeof ports.cache.byIndex;
      const failure = (lun: number) => ({ kind: "HostNotReady", detail: `no answer for ${lun}` }) as const;
      const looked: number[] = [];
      const findDevice: HostProvisioner["findDevice"] = ({ lun }) => {
        looked.push(lun);
        return Promise.resolve(fail(failure(lun)));
      };
      const reconciler = replicasReconciler({
        ...ports,
        cache: { ...ports.cache, byIndex },
        host: { ...ports.host, findDevice },
      });
      const done = await world.answerOf(reconciler.reconcile("node", never));
      assert.deepEqual([done, looked], [fail(failure(LUN + 1)), [LUN + 1, LUN]]);
    }));

  it("leaves the disk that a pod waits for to NodeStageVolume", () =>
    withNode({ writer: aWriter("node-a") }, async (world) => {
      world.machine.detach(LUN);
      await look(world);
      assert.equal(world.attachment()?.status?.deviceMissing, undefined);
    }));

  it("reports a disk to the controller that is gone from under its workload", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const staged = await world.stage();
      assert.ok(staged.ok);
      await look(world);
      assert.equal(world.attachment()?.status?.deviceMissing, undefined);
      world.machine.detach(LUN);
      await look(world);
      assert.deepEqual(
        [world.attachment()?.status?.deviceMissing, world.record()?.writer?.held],
        [true, true],
      );
    }));

  it("does not doubt a disk in use while its links contradict the kernel", () =>
    withNode({ writer: aWriter("node-a", { held: false }) }, async (world) => {
      const staged = await world.stage();
      assert.ok(staged.ok);
      const problem = "the link of LUN 0 leads to another device";
      const contradicted = fail({ kind: "WrongDevice", devicePath: "/dev/sdc", problem } as const);
      await look(world, { findDevice: () => Promise.resolve(contradicted) });
      assert.equal(world.attachment()?.status?.deviceMissing, undefined);
    }));

  it("reports nothing for a disk that is detached while its device is awaited", () =>
    withReplica(async (world) => {
      world.machine.detach(LUN);
      const { findDevice } = world.ports().host;
      await look(world, {
        findDevice: async (request, signal) => {
          await world.setAttachment((present) => ({ ...present, status: { state: "Detaching", lun: LUN } }));
          return findDevice(request, signal);
        },
      });
      assert.equal(world.attachment()?.status?.deviceMissing, undefined);
    }));
});

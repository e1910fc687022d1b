import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { attachmentObjectName } from "../../core/api/object-names.ts";
import {
  aDetail,
  anAttachment,
  aRecord,
  attachmentName,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  leaving,
} from "../../core/testing/objects.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import { ControlLoop } from "../../runtime/queue/control-loop.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { attachmentReconciler } from "./attachment-reconciler.ts";

/** Nodes of a zone whose VMs Azure does not change, each with a replica that is to be detached. */
const HANGING = 1_000;

/** The attachments of these replicas. */
async function givenHanging(world: ReconcileWorld): Promise<readonly string[]> {
  const other = { volumeName: "pvc-2", volumeId: diskUri.replace("pvc-1", "pvc-2") };
  const detail = aDetail({ diskUri: other.volumeId, maxShares: HANGING });
  const status = { detail, record: aRecord() };
  await world.given("AzVolume", aVolume({ metadata: { name: other.volumeName }, status }));
  const dead = Array.from({ length: HANGING }, (_, index) => {
    const nodeName = `dead-${index}`;
    return { nodeName, name: attachmentObjectName({ diskUri: other.volumeId, nodeName }) };
  });
  for (const { nodeName, name } of dead) {
    const spec = { ...other, role: "Replica" } as const;
    await world.given("AzVolumeAttachment", leaving(anAttachment(nodeName, { metadata: { name }, spec })));
  }
  return dead.map(({ name }) => name);
}

/** A call that ends with its signal alone. */
function hanging(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) =>
    signal.addEventListener("abort", () => reject(new Error("the test has ended"))),
  );
}

describe("the loop of attachments", () => {
  it("attaches a disk that a pod waits for beside the detaches of a zone, which hang", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a", { held: false }) }));
      await world.given("AzDriverNode", aDriverNode("node-a"));
      const dead = await givenHanging(world);
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: undefined }));
      let detaches = 0;
      const detachDisk: CloudProvisioner["detachDisk"] = (_request, signal) => {
        detaches += 1;
        return hanging(signal);
      };
      const cloud = { ...world.ports.cloud, detachDisk };
      const loop = new ControlLoop(attachmentReconciler({ ...world.ports, cloud }), world.ports);
      for (const name of dead) loop.queue.add(name);
      loop.queue.add(attachmentName("node-a"));
      const life = new AbortController();
      const running = loop.run(life.signal);
      await world.clock.advance(1_000);
      assert.equal(world.attachment("node-a")?.status?.state, "Attached", `beside ${detaches} detaches`);
      life.abort();
      await world.answerOf(running);
    }));

  it("leaves connections of a slow store to CSI's calls beside the detaches of a zone", () =>
    withControllerPorts(async (world) => {
      const dead = await givenHanging(world);
      let calls = 0;
      const call = (signal: AbortSignal): Promise<never> => {
        calls += 1;
        return hanging(signal);
      };
      const store: ReconcileWorld["store"] = {
        ...world.store,
        get: (_kind, _name, signal) => call(signal),
        list: (_kind, _selector, signal) => call(signal),
        update: (_kind, _object, signal) => call(signal),
        updateStatus: (_kind, _object, signal) => call(signal),
      };
      const loop = new ControlLoop(attachmentReconciler({ ...world.ports, store }), world.ports);
      for (const name of dead) loop.queue.add(name);
      const life = new AbortController();
      const running = loop.run(life.signal);
      await world.clock.advance(1_000);
      assert.equal(calls, 256);
      life.abort();
      await world.answerOf(running);
    }));
});

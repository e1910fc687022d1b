import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WriterRecord } from "../../core/api/az-volume.ts";
import {
  anAttachment,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  instanceUriOf,
} from "../../core/testing/objects.ts";
import { type RecordChanges, listIn } from "../../core/testing/record-lists.ts";
import { rebuiltRecord } from "../../core/writer/record/rebuilt-record.ts";
import { findAttachedVms } from "../adoption/find-attached-vms.ts";
import { knownUse } from "../adoption/rebuild-record.ts";
import { askIfGone } from "../fencing/ask-if-gone.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { volumeReconciler } from "./volume-reconciler.ts";

const never = new AbortController().signal;
const a = identity("node-a");
const bound = { ...a, nodeUid: "a-2" };

async function reconcile(world: ReconcileWorld): Promise<unknown> {
  return world.answerOf(volumeReconciler(world.ports, () => undefined).reconcile("pvc-1", never));
}

/** What becomes of a record while node-a has a Node with the uid `a-2`. */
async function recordAfter(world: ReconcileWorld, record: RecordChanges): Promise<WriterRecord | undefined> {
  world.nodeUids.set("node-a", "a-2");
  await world.given("AzVolume", aVolumeWithRecord(record));
  await world.given("AzDriverNode", aDriverNode("node-a"));
  await world.given("AzVolumeAttachment", anAttachment("node-a"));
  await reconcile(world);
  return world.record();
}

describe("entries of a writer record and the uid of the Node", () => {
  it("bear it from the grant on", () =>
    withControllerPorts(async (world) => {
      const expected = aVolumeWithRecord({
        writer: { ...aWriter("node-a", { held: false }), ...bound },
        epoch: 1,
      });
      assert.deepEqual(await recordAfter(world, {}), expected.status?.record);
    }));

  for (const { because, nodeUid } of [
    { because: "they are older than it", nodeUid: {} },
    { because: "the Node was recreated", nodeUid: { nodeUid: "a-1" } },
  ])
    it(`get it where ${because}`, () =>
      withControllerPorts(async (world) => {
        const quarantine = [{ ...a, ...nodeUid }];
        assert.deepEqual(
          await recordAfter(world, { quarantined: quarantine }),
          aVolumeWithRecord({ quarantined: [bound] }).status?.record,
        );
      }));

  it("keep that of an earlier VM of the name", () =>
    withControllerPorts(async (world) => {
      const quarantine = [{ ...a, vmId: "older", nodeUid: "a-1" }];
      assert.deepEqual(
        listIn(await recordAfter(world, { quarantined: quarantine }), "quarantined"),
        quarantine,
      );
    }));

  it("bear it in a rebuilt record, and only if the Node names the VM", () =>
    withControllerPorts(async (world) => {
      world.nodeUids.set("node-a", "a-2");
      world.nodeUids.set("node-b", "b-2");
      const nodeOf = async (nodeName: string): Promise<unknown> => {
        world.instances.set(instanceUriOf(nodeName), `vm-of-${nodeName}`);
        const holders = await findAttachedVms(
          world.ports,
          aDisk({ attachedTo: [instanceUriOf(nodeName)] }),
          "primaryAttach",
          never,
        );
        return holders.ok && holders.value[0]?.node;
      };
      assert.deepEqual(await nodeOf("node-a"), bound);
      await world.given("AzDriverNode", aDriverNode("node-b"));
      world.nodeNames.delete(instanceUriOf("node-b"));
      world.nodeNames.set(instanceUriOf("node-x"), "node-b");
      assert.equal(JSON.stringify(await nodeOf("node-b")).includes("b-2"), false);
    }));

  it("bear it where only a checkpoint names the node", () =>
    withControllerPorts(async (world) => {
      world.nodeUids.set("node-a", "a-2");
      const volume = aVolumeWithRecord({});
      await world.given("AzVolume", volume);
      const volumes = [{ volumeName: "pvc-1", uid: volume.metadata.uid, epoch: 1 }];
      await world.given("AzDriverNode", aDriverNode("node-a", { volumes }));
      assert.deepEqual(knownUse(world.ports, volume, []).checkpointed, [bound]);
    }));

  it("keep that of an earlier VM whose checkpoint its AzDriverNode still has", () =>
    withControllerPorts(async (world) => {
      const earlier = { ...a, vmId: "older", instanceUri: instanceUriOf("node-x"), nodeUid: "a-1" };
      world.nodeUids.set("node-a", "a-2");
      const { vmId, instanceUri } = earlier;
      const writer = { ...aWriter("node-a", { held: false }), ...earlier };
      const volume = aVolumeWithRecord({ writer, storeIncarnation: 2 });
      await world.given("AzVolume", volume);
      const volumes = [{ volumeName: "pvc-1", uid: volume.metadata.uid, epoch: 1 }];
      await world.given("AzDriverNode", aDriverNode("node-a", { vmId, instanceUri, volumes }));
      const use = knownUse(world.ports, volume, []);
      const lost = { kind: "lost", storeIncarnation: 3 } as const;
      const rebuilt = rebuiltRecord(volume.status?.record, { ...use, quarantined: [] }, lost);
      assert.deepEqual(listIn(rebuilt, "unverified"), [{ ...a, vmId, nodeUid: "a-1", unconfirmed: true }]);
    }));

  it("bear it where a VM without a name turns out to be a node", () =>
    withControllerPorts(async (world) => {
      world.nodeUids.set("node-a", "a-2");
      const instanceUri = instanceUriOf("node-a");
      const unknown = { nodeName: instanceUri, vmId: instanceUri, instanceUri };
      world.instances.set(instanceUri, a.vmId);
      await world.given(
        "AzVolume",
        aVolumeWithRecord({ defaultAccess: "quarantined", unverified: [unknown] }),
      );
      await world.answerOf(
        askIfGone(world.ports, { volumeName: "pvc-1", volumeId: diskUri }, unknown, never),
      );
      assert.deepEqual(listIn(world.record(), "unverified"), [bound]);
    }));
});

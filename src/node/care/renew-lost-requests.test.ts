import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CONTROLLER_LEASE } from "../../core/api/lease.ts";
import { aLease } from "../../core/testing/a-lease.ts";
import { diskUri } from "../../core/testing/objects.ts";
import { heartbeatReconciler } from "../lifecycle/heartbeat.ts";
import type { NodePorts } from "../node-ports.ts";
import { publishVolume } from "../stage/publish-volume.ts";
import { type NodeWorld, stagingPath, withNode } from "../testing/a-node.ts";

const never = new AbortController().signal;
const targetPath = "/var/lib/kubelet/pods/1/volumeDevices/pvc-1";

/** A pod on node-a writes a volume that several nodes may write, in a store of incarnation 1. */
async function givenUse(world: NodeWorld): Promise<void> {
  const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
  await world.setVolume(({ spec, ...rest }) => ({ ...rest, spec: { ...spec, capabilities } }));
  const {
    metadata: { annotations },
    spec,
  } = aLease({ counter: 1, incarnation: 1 });
  const metadata = { name: CONTROLLER_LEASE, annotations };
  assert.ok((await world.answerOf(world.store.create("Lease", { metadata, spec }, never))).ok);
  const published = await world.answerOf(
    publishVolume(
      world.ports(),
      {
        volumeId: diskUri,
        stagingPath,
        targetPath,
        targetReadOnly: false,
        accessType: "block",
        fsType: "ext4",
        mountFlags: [],
        readOnly: false,
        volumeContext: {},
      },
      never,
    ),
  );
  assert.ok(published.ok, JSON.stringify(published));
}

/** The incarnation that the node states with its next heartbeat. */
async function statedIncarnation(
  world: NodeWorld,
  attach: NodePorts["settings"]["attach"],
): Promise<number | undefined> {
  const ports = { ...world.ports(), settings: { ...world.ports().settings, attach } };
  assert.ok((await world.answerOf(heartbeatReconciler(ports).reconcile("node", never))).ok);
  const node = await world.answerOf(world.store.get("AzDriverNode", "node-a", never));
  return node.ok ? node.value.status?.storeIncarnation : assert.fail("no object");
}

describe("renewLostRequests, before a heartbeat states the store incarnation", () => {
  it("renews the request that a restored store lacks", () =>
    withNode({}, async (world) => {
      await givenUse(world);
      await world.setAttachment(() => undefined);
      assert.equal(await statedIncarnation(world, "driver"), 1);
      const { role, writerRequest } = world.attachment()?.spec ?? {};
      assert.deepEqual([role, writerRequest !== undefined], ["Primary", true]);
    }));

  it("states no lower one where the Lease was deleted and made again", () =>
    withNode({}, async (world) => {
      await givenUse(world);
      assert.equal(await statedIncarnation(world, "driver"), 1);
      assert.ok((await world.answerOf(world.store.delete("Lease", CONTROLLER_LEASE, {}, never))).ok);
      assert.equal(await statedIncarnation(world, "driver"), 1);
    }));

  it("leaves that to controllers where the orchestrator publishes", () =>
    withNode({}, async (world) => {
      await givenUse(world);
      await world.setAttachment(() => undefined);
      assert.equal(await statedIncarnation(world, "kubernetes"), 1);
      assert.equal(world.attachment(), undefined);
    }));

  it("states an earlier one while the attachment that a pod needs is being deleted", () =>
    withNode({}, async (world) => {
      await givenUse(world);
      const { name } = world.attachment()?.metadata ?? assert.fail("no attachment");
      assert.ok((await world.answerOf(world.store.delete("AzVolumeAttachment", name, {}, never))).ok);
      assert.equal(await statedIncarnation(world, "driver"), 0);
      const terminating = world.attachment() ?? assert.fail("no attachment");
      const metadata = { ...terminating.metadata, finalizers: [] };
      const removing = world.store.update("AzVolumeAttachment", { ...terminating, metadata }, never);
      assert.ok((await world.answerOf(removing)).ok);
      assert.equal(await statedIncarnation(world, "driver"), 1);
    }));
});

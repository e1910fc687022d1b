import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { VolumeStatus } from "../../core/api/az-volume.ts";
import { agoMs, attachmentName, aWriter, diskUri, identity } from "../../core/testing/objects.ts";
import { must } from "../../core/testing/value-of.ts";
import { WRITER_WAITING } from "../../core/writer/plan-conditions.ts";
import type { NodePorts } from "../node-ports.ts";
import { type NodeWorld, withNode } from "../testing/a-node.ts";
import { waitForAttachment, waitForGrant } from "./wait-for-grant-and-attach.ts";

const never = new AbortController().signal;
const granted = aWriter("node-a", { held: false });
const waitsFor = (what: string) => ({
  ok: false,
  failure: { kind: "StillWaiting", volumeId: diskUri, what },
});
const waitGrant = (world: NodeWorld, ports: NodePorts = world.ports()) =>
  world.answerOf(waitForGrant(ports, { volumeId: diskUri, volumeName: "pvc-1", waitMs: 1_000 }, never));
const waitAttached = (world: NodeWorld) =>
  world.answerOf(
    waitForAttachment(
      world.ports(),
      { volumeId: diskUri, attachmentName: attachmentName("node-a"), waitMs: 1_000 },
      never,
    ),
  );

async function setStatus(world: NodeWorld, change: Partial<VolumeStatus>): Promise<void> {
  const volume = await must(world.store.get("AzVolume", "pvc-1", never));
  assert.ok(volume.status !== undefined);
  await must(
    world.store.updateStatus("AzVolume", { ...volume, status: { ...volume.status, ...change } }, never),
  );
}

describe("waitForGrant", () => {
  it("reports that a controller has to grant the volume where it has no writer", () =>
    withNode({}, async (world) =>
      assert.deepEqual(await waitGrant(world), waitsFor("a controller to grant it to this node")),
    ));

  it("reports the controller's reason for the wait, and no other condition", () =>
    withNode({ writer: aWriter("node-b") }, async (world) => {
      const condition = { status: "True", reason: "Waits", lastTransitionTime: agoMs(0) } as const;
      const conditions = [
        { ...condition, type: "FailoverReady", message: "2 of 2" },
        { ...condition, type: WRITER_WAITING, message: "a pod still uses it" },
      ];
      await setStatus(world, { conditions });
      assert.deepEqual(
        await waitGrant(world),
        waitsFor("node-b, which is still its writer, to unmount it: a pod still uses it"),
      );
    }));

  it("names the one node that has to show first that it is clean", () =>
    withNode({ defaultAccess: "quarantined", unverified: [identity("node-b")] }, async (world) =>
      assert.deepEqual(await waitGrant(world), {
        ok: false,
        failure: { kind: "WriterRecordUnverified", volumeId: diskUri, nodes: ["node-b"] },
      }),
    ));

  it("reports a write barrier that the node has to pass first", () =>
    withNode({ barrierPending: [identity("node-a")] }, async (world) =>
      assert.deepEqual(
        await waitGrant(world),
        waitsFor("the leading controller to make sure that no detach from node-a is under way any more"),
      ),
    ));

  it("does not count a grant that is being revoked", () =>
    withNode({ writer: { ...granted, requested: false } }, async (world) =>
      assert.equal((await waitGrant(world)).ok, false),
    ));

  it("reads the store where its cache does not show the grant", () =>
    withNode({ writer: aWriter("node-b") }, async (world) => {
      const ports = world.ports();
      const cache: NodePorts["cache"] = { ...ports.cache, waitFor: async () => undefined };
      await world.grantAgain();
      assert.equal((await waitGrant(world, { ...ports, cache })).ok, true);
    }));
});

describe("waitForAttachment", () => {
  it("reports the state of the attach, and Azure's error", () =>
    withNode({ writer: granted }, async (world) => {
      const error = { kind: "CloudRejected", message: "no quota", failure: "{}", time: agoMs(0), retries: 1 };
      await world.setAttachment((attachment) => ({
        ...attachment,
        status: { state: "AttachmentFailed", error },
      }));
      assert.deepEqual(
        await waitAttached(world),
        waitsFor("its attach to node-a, which is AttachmentFailed (no quota)"),
      );
    }));

  /** Waits while the cache shows this attachment, and no change of it. */
  const waitWhile = (world: NodeWorld, shown: AzVolumeAttachment | undefined) => {
    const ports = world.ports();
    const get = ((kind, name) =>
      kind === "AzVolumeAttachment" ? shown : ports.cache.get(kind, name)) as NodePorts["cache"]["get"];
    const cache: NodePorts["cache"] = { ...ports.cache, waitFor: async () => undefined, get };
    const request = { volumeId: diskUri, attachmentName: attachmentName("node-a"), waitMs: 1 };
    return waitForAttachment({ ...ports, cache }, request, never);
  };

  it("reports an attachment without status as pending", () =>
    withNode({ writer: granted }, async (world) => {
      const { status: _, ...pending } = world.attachment() ?? assert.fail("no attachment");
      assert.deepEqual(await waitWhile(world, pending), waitsFor("its attach to node-a, which is Pending"));
    }));

  it("reports an attachment that the cache of the node does not show", () =>
    withNode({ writer: granted }, async (world) =>
      assert.deepEqual(
        await waitWhile(world, undefined),
        waitsFor(
          "its attachment to node-a, which this node's cache does not show: it was deleted since, " +
            "or the cache is behind the store",
        ),
      ),
    ));
});

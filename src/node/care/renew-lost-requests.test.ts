import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CONTROLLER_LEASE } from "../../core/api/lease.ts";
import { fail } from "../../core/failure/result.ts";
import { aLease } from "../../core/testing/a-lease.ts";
import { diskUri } from "../../core/testing/objects.ts";
import { aCheckpoint } from "../../ports/testing/a-checkpoint.ts";
import { heartbeatReconciler } from "../lifecycle/heartbeat.ts";
import type { NodePorts } from "../node-ports.ts";
import { publishVolume } from "../stage/publish-volume.ts";
import { type NodeWorld, stagingPath, withNode } from "../testing/a-node.ts";

const never = new AbortController().signal;
const targetPath = "/var/lib/kubelet/pods/1/volumeDevices/pvc-1";

async function givenLease(world: NodeWorld, incarnation: number): Promise<void> {
  const {
    metadata: { annotations },
    spec,
  } = aLease({ counter: 1, incarnation });
  const metadata = { name: CONTROLLER_LEASE, annotations };
  assert.ok((await world.answerOf(world.store.create("Lease", { metadata, spec }, never))).ok);
}

/** A pod on node-a writes a volume that several nodes may write. */
async function givenUse(world: NodeWorld, incarnation = 1): Promise<void> {
  const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
  await world.setVolume(({ spec, ...rest }) => ({ ...rest, spec: { ...spec, capabilities } }));
  await givenLease(world, incarnation);
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

/** A running plug-in's heartbeats. */
function heartbeatsOf(
  world: NodeWorld,
  { attach = "driver", ...changes }: Partial<NodePorts> & Partial<Pick<NodePorts["settings"], "attach">> = {},
) {
  const settings = { ...world.ports().settings, attach };
  const reconciler = heartbeatReconciler({ ...world.ports(), ...changes, settings });
  /** The incarnation that the next one states, and when the one after it is due. */
  return async (): Promise<{
    readonly stated: number | undefined;
    readonly nextInMs: number | undefined;
  }> => {
    const beaten = await world.answerOf(reconciler.reconcile("node", never));
    assert.ok(beaten.ok, JSON.stringify(beaten));
    const node = await world.answerOf(world.store.get("AzDriverNode", "node-a", never));
    assert.ok(node.ok);
    return { stated: node.value.status?.storeIncarnation, nextInMs: beaten.value.requeueAfterMs };
  };
}

describe("renewLostRequests, before a heartbeat states the store incarnation", () => {
  it("renews a request that a restored store lacks", () =>
    withNode({}, async (world) => {
      await givenUse(world);
      await world.setAttachment(() => undefined);
      const next = heartbeatsOf(world);
      const { stated, nextInMs } = await next();
      assert.equal(stated, 1);
      assert.ok(nextInMs !== undefined && nextInMs > 0, "no other one is due at once");
      const { role, writerRequest } = world.attachment()?.spec ?? {};
      assert.deepEqual([role, writerRequest !== undefined], ["Primary", true]);
    }));

  it("renews it also where that of another volume can't be looked at", () =>
    withNode({}, async (world) => {
      await givenUse(world);
      await world.setAttachment(() => undefined);
      const other = aCheckpoint({ volumeName: "another", volumeId: `${diskUri}-2` });
      assert.ok((await world.answerOf(world.ports().checkpoints.put(other, never))).ok);
      const { store } = world.ports();
      let isRead = false;
      const failing: NodePorts["store"] = {
        ...store,
        get: async (kind, name, signal) =>
          name === other.volumeName && !isRead
            ? fail({ kind: "StoreUnavailable", detail: "not reached" })
            : store.get(kind, name, signal),
      };
      const next = heartbeatsOf(world, { store: failing });
      await next();
      assert.equal(world.attachment()?.spec.role, "Primary");
      assert.equal((await next()).stated, 0, "the other one may be in use, too");
      isRead = true;
      await next();
      assert.equal((await next()).stated, 1);
    }));

  it("holds up no heartbeat while a disk does not answer", () =>
    withNode({}, async (world) => {
      await givenUse(world);
      const { host, settings } = world.ports();
      const answers = Promise.withResolvers<void>();
      const slow: NodePorts["host"] = {
        ...host,
        mountAt: async (path, signal) => {
          await answers.promise;
          return host.mountAt(path, signal);
        },
      };
      const next = heartbeatsOf(world, { host: slow });
      for (const _ of [1, 2, 3]) {
        const beganMs = world.clock.elapsedMs();
        assert.equal((await next()).stated, 0);
        assert.ok(world.clock.elapsedMs() - beganMs <= settings.heartbeatMs + 1_000, "the next one is late");
      }
      const answering = world.clock.sleep(2_000, never).then(answers.resolve);
      assert.deepEqual(await next(), { stated: 0, nextInMs: 0 }, "it ends after this heartbeat was sent");
      await answering;
      assert.equal((await next()).stated, 1);
    }));

  it("compares again where the Lease was deleted, and has an earlier incarnation", () =>
    withNode({}, async (world) => {
      await givenUse(world, 3);
      const next = heartbeatsOf(world);
      await next();
      assert.equal((await next()).stated, 3);
      assert.ok((await world.answerOf(world.store.delete("Lease", CONTROLLER_LEASE, {}, never))).ok);
      await givenLease(world, 1);
      await world.setAttachment(() => undefined);
      // Another process: this one remembers that Lease.
      const restarted = heartbeatsOf(world);
      await restarted();
      assert.equal(world.attachment()?.spec.role, "Primary");
      assert.equal((await restarted()).stated, 1);
    }));

  it("looks at no disk before the first rollback", () =>
    withNode({}, async (world) => {
      await givenUse(world, 0);
      await world.setAttachment(() => undefined);
      const { stated, nextInMs } = await heartbeatsOf(world)();
      assert.deepEqual([stated, nextInMs === 0, world.attachment()], [0, false, undefined]);
    }));

  it("leaves that to controllers where the orchestrator publishes", () =>
    withNode({}, async (world) => {
      await givenUse(world);
      await world.setAttachment(() => undefined);
      assert.equal((await heartbeatsOf(world, { attach: "kubernetes" })()).stated, 1);
      assert.equal(world.attachment(), undefined);
    }));

  it("states an earlier one while the attachment that a pod needs is being deleted", () =>
    withNode({}, async (world) => {
      await givenUse(world);
      const { name } = world.attachment()?.metadata ?? assert.fail("no attachment");
      assert.ok((await world.answerOf(world.store.delete("AzVolumeAttachment", name, {}, never))).ok);
      const next = heartbeatsOf(world);
      await next();
      assert.equal((await next()).stated, 0);
      const terminating = world.attachment() ?? assert.fail("no attachment");
      const metadata = { ...terminating.metadata, finalizers: [] };
      const removing = world.store.update("AzVolumeAttachment", { ...terminating, metadata }, never);
      assert.ok((await world.answerOf(removing)).ok);
      await next();
      assert.equal((await next()).stated, 1);
    }));

  it("does not wait for one whose volume is being deleted, which waits for the node", () =>
    withNode({}, async (world) => {
      await givenUse(world);
      const { name } = world.attachment()?.metadata ?? assert.fail("no attachment");
      assert.ok((await world.answerOf(world.store.delete("AzVolumeAttachment", name, {}, never))).ok);
      await world.setVolume(({ spec, ...rest }) => ({ ...rest, spec: { ...spec, deleteRequested: true } }));
      const next = heartbeatsOf(world);
      await next();
      assert.equal((await next()).stated, 1);
    }));
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createModelDisk } from "../../adapters/model-host/model-disk.ts";
import type { WriterRecord } from "../../core/api/az-volume.ts";
import { gibToBytes } from "../../core/primitives/units.ts";
import { aWriter, diskUri, identity } from "../../core/testing/objects.ts";
import { type RecordChanges } from "../../core/testing/record-lists.ts";
import { must } from "../../core/testing/value-of.ts";
import type { NodePorts } from "../node-ports.ts";
import { publishVolume } from "../stage/publish-volume.ts";
import { type NodeWorld, stagingPath, withNode, aPublishRequest, targetPath } from "../testing/a-node.ts";
import { checkHeld } from "./check-held.ts";
import { releaseVolume } from "./release-volume.ts";

const never = new AbortController().signal;
const granted = aWriter("node-a", { held: false });
const held = aWriter("node-a");
const done = { ok: true, value: undefined } as const;
const down = { kind: "StoreUnavailable", detail: "down" } as const;
const failure = { kind: "HostCommandFailed", command: "a command", exitCode: 1, stderr: "" } as const;

const release = (world: NodeWorld, ports = world.ports()) =>
  world.answerOf(releaseVolume(ports, { volumeName: "pvc-1", isFlushed: false }, never));
const check = (world: NodeWorld, ports = world.ports()) => world.answerOf(checkHeld(ports, "pvc-1", never));

/** The volume's object is deleted by hand, and gone. */
async function deleteVolume(world: NodeWorld): Promise<void> {
  const volume = await must(world.store.get("AzVolume", "pvc-1", never));
  await must(
    world.store.update("AzVolume", { ...volume, metadata: { ...volume.metadata, finalizers: [] } }, never),
  );
  await must(world.store.delete("AzVolume", "pvc-1", {}, never));
}

/** Ports whose reads of volumes fail from the read of that number on, counted from 0. */
function withoutStore(ports: NodePorts, fromRead: number): NodePorts {
  let reads = 0;
  const get: NodePorts["store"]["get"] = async (kind, name, signal) =>
    kind === "AzVolume" && reads++ >= fromRead
      ? { ok: false, failure: down }
      : ports.store.get(kind, name, signal);
  return { ...ports, store: { ...ports.store, get } };
}

describe("releaseVolume", () => {
  const others: readonly { readonly because: string; readonly record: RecordChanges }[] = [
    { because: "another node writes", record: { writer: aWriter("node-b") } },
    { because: "it was granted and never acquired", record: { writer: granted } },
    { because: "there is no writer", record: {} },
  ];
  for (const { because, record } of others)
    it(`has nothing to release, and does not wait to be clean, where ${because}`, () =>
      withNode(record, async (world) => {
        world.machine.openRaw(0);
        const before = world.record();
        assert.deepEqual([await release(world), world.record()], [done, before]);
      }));

  it("has nothing to release of a volume whose object is gone", () =>
    withNode({ writer: held }, async (world) => {
      await deleteVolume(world);
      assert.deepEqual(await release(world), done);
    }));

  it("is not complete while the store does not respond", () =>
    withNode({ writer: held }, async (world) => {
      assert.deepEqual(await release(world, withoutStore(world.ports(), 0)), { ok: false, failure: down });
    }));

  const during: readonly {
    readonly because: string;
    readonly arrange: (world: NodeWorld) => Promise<unknown>;
  }[] = [
    {
      because: "the volume was granted to another node",
      arrange: (world) =>
        world.setRecord((record) => ({ ...record, writer: aWriter("node-b", { epoch: 2 }) })),
    },
    { because: "its object was deleted", arrange: deleteVolume },
  ];
  for (const { because, arrange } of during)
    it(`is complete where ${because} in the middle of it`, () =>
      withNode({ writer: held }, async (world) => {
        world.during.release = () => arrange(world);
        assert.deepEqual(await release(world), done);
        assert.notEqual(world.record()?.writer?.nodeName, "node-a");
      }));
});

describe("checkHeld", () => {
  const rows: readonly { readonly because: string; readonly record: RecordChanges }[] = [
    { because: "another node is the writer", record: { writer: aWriter("node-b") } },
    { because: "it has not acquired the volume", record: { writer: granted } },
    { because: "it is being fenced", record: { writer: held, fencing: identity("node-a") } },
    { because: "no node is the writer", record: {} },
  ];
  for (const { because, record } of rows)
    it(`answers no, and requests nothing, where ${because}`, () =>
      withNode(record, async (world) => {
        const before = world.record();
        assert.deepEqual([await check(world), world.record(), world.steps], [done, before, []]);
      }));

  it("writes nothing where the node holds the volume and it is requested", () =>
    withNode({ writer: held }, async (world) => {
      assert.deepEqual([await check(world), world.steps], [{ ok: true, value: held }, []]);
    }));

  const unrequested = aWriter("node-a", { requested: false });
  const races: readonly {
    readonly because: string;
    readonly change: (record: WriterRecord) => WriterRecord;
    readonly writer: typeof held | undefined;
  }[] = [
    {
      because: "another call has made the request",
      change: (record) => ({ ...record, writer: held }),
      writer: held,
    },
    {
      because: "a fence has begun",
      change: (record) => ({ ...record, fencing: identity("node-a") }),
      writer: undefined,
    },
    {
      because: "another node is the writer",
      change: (record) => ({ ...record, writer: aWriter("node-b") }),
      writer: undefined,
    },
    {
      because: "a fence has begun, and the request stands",
      change: (record) => ({ ...record, writer: held, fencing: identity("node-a") }),
      writer: undefined,
    },
    {
      because: "the volume was released and granted again",
      change: (record) => ({ ...record, writer: granted }),
      writer: undefined,
    },
  ];
  for (const { because, change, writer } of races)
    it(`uses an uncached record where in the middle of it ${because}`, () =>
      withNode({ writer: unrequested }, async (world) => {
        world.during.request = () => world.setRecord(change);
        assert.deepEqual(await check(world), { ok: true, value: writer });
      }));

  it("answers no where even the last read shows a withdrawn request", () =>
    withNode({ writer: unrequested }, async (world) => {
      world.during.request = () => world.setRecord((record) => ({ ...record, fencing: identity("node-a") }));
      const ports = world.ports();
      let reads = 0;
      const get: NodePorts["store"]["get"] = async (kind, name, signal) => {
        reads += 1;
        if (reads === 3) await world.setRecord(({ fencing: _, ...record }) => record);
        return ports.store.get(kind, name, signal);
      };
      assert.deepEqual(await check(world, { ...ports, store: { ...ports.store, get } }), done);
      assert.equal(reads, 3);
    }));

  it("fails where its request can't be written", () =>
    withNode({ writer: unrequested }, async (world) => {
      const ports = world.ports();
      const updateStatus = async () => ({ ok: false, failure: down }) as const;
      assert.deepEqual(await check(world, { ...ports, store: { ...ports.store, updateStatus } }), {
        ok: false,
        failure: down,
      });
    }));
});

describe("unstageVolume", () => {
  it("refuses while a pod has the volume, and names where", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.publish());
      assert.deepEqual(await world.unstage(), {
        ok: false,
        failure: { kind: "VolumeInUse", volumeId: diskUri, nodeName: "node-a", users: [targetPath] },
      });
      assert.deepEqual([world.record()?.writer, world.machine.mounts().length], [held, 2]);
    }));

  it("releases nothing where the unmount failed", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      world.machine.failNext("unmount", failure);
      assert.deepEqual(await world.unstage(), { ok: false, failure });
      assert.deepEqual([world.record()?.writer?.held, world.ports().checkpoints.volumes().length], [true, 1]);
      assert.deepEqual(await world.unstage(), done);
    }));

  it("unmounts nothing whose request it could not withdraw, as a pod may come back", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      const ports = world.ports();
      const get: NodePorts["store"]["get"] = async (kind, name, signal) =>
        kind === "AzVolumeAttachment" ? { ok: false, failure: down } : ports.store.get(kind, name, signal);
      assert.deepEqual(await world.unstage({}, { ...ports, store: { ...ports.store, get } }), {
        ok: false,
        failure: down,
      });
      assert.equal(world.machine.mounts().length, 1);
    }));

  it("unmounts a volume whose object is gone, and drops its checkpoint", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await deleteVolume(world);
      assert.deepEqual(await world.unstage(), done);
      assert.deepEqual([world.machine.mounts(), world.ports().checkpoints.volumes()], [[], []]);
    }));

  it("leaves the request of another node's writer alone", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      await world.setRecord((record) => ({ ...record, writer: aWriter("node-b", { epoch: 2 }) }));
      assert.deepEqual(await world.unstage(), done);
      assert.deepEqual(world.record()?.writer, aWriter("node-b", { epoch: 2 }));
    }));

  it("unmounts a volume deleted during the withdrawal, and drops its checkpoint", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      world.during["withdraw"] = () => deleteVolume(world);
      assert.deepEqual(await world.unstage(), done);
      assert.deepEqual([world.machine.mounts(), world.ports().checkpoints.volumes()], [[], []]);
    }));

  it("unmounts nothing while the store does not say whether the request is withdrawn", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      assert.deepEqual(await world.unstage({}, withoutStore(world.ports(), 0)), { ok: false, failure: down });
      assert.equal(world.machine.mounts().length, 1);
    }));

  it("continues where a controller has withdrawn the request before", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      world.during["withdraw"] = () =>
        world.setRecord((record) => ({ ...record, writer: aWriter("node-a", { requested: false }) }));
      assert.deepEqual(await world.unstage(), done);
      assert.deepEqual(world.record()?.writer, aWriter("node-a", { held: false, requested: false }));
    }));
});

describe("publishVolume where one step fails", () => {
  const block = { accessType: "block" } as const;

  for (const [method, how] of [
    ["bindMount", {}],
    ["bindDevice", block],
  ] as const)
    it(`reports it, with the target in the checkpoint first: ${method}`, () =>
      withNode({ writer: granted }, async (world) => {
        world.machine.failNext(method, failure);
        assert.deepEqual(await world.publish(how), { ok: false, failure });
        assert.deepEqual(world.ports().checkpoints.volumes()[0]?.targetPaths, [targetPath]);
        assert.deepEqual(await world.publish(how), done);
      }));

  it("binds nothing without a checkpoint", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      const ports = world.ports();
      const checkpoints: NodePorts["checkpoints"] = {
        ...ports.checkpoints,
        put: async () => ({ ok: false, failure }),
      };
      assert.deepEqual(await world.publish({}, { ...ports, checkpoints }), { ok: false, failure });
      assert.equal(world.machine.mounts().length, 1);
    }));

  it("leaves a pod's live mount as it is when kubelet publishes again", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.publish());
      const volume = world.machine.openVolume(targetPath);
      volume?.open();
      assert.deepEqual(await world.publish(), done);
      assert.deepEqual([world.machine.placeholders(), volume?.write("/record", "text").kind], [[], "done"]);
      volume?.close();
    }));

  it("reports a dead mount that it could not cover, and binds nothing over it", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.publish());
      world.machine.detach(0);
      world.machine.attach({ lun: 0, disk: world.disk });
      await must(world.answerOf(world.ports().host.unmount(stagingPath, never)));
      world.machine.failNext("mountPlaceholder", failure);
      assert.deepEqual(await world.publish(), { ok: false, failure });
    }));

  it("refuses a target with a mount that is not in its checkpoint, and leaves it alone", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      const other = createModelDisk({ diskUri: "/disks/other", sizeBytes: gibToBytes(10) });
      world.machine.attach({ lun: 1, disk: other });
      const { host } = world.ports();
      const found = await world.answerOf(host.findDevice({ lun: 1 }, never));
      assert.ok(found.ok);
      await must(
        world.answerOf(host.bindDevice({ device: found.value, targetPath, readOnly: false }, never)),
      );
      const published = await world.publish();
      assert.equal(!published.ok && published.failure.kind, "MountedOtherwise");
      assert.deepEqual(
        world.machine.mounts().find(({ path }) => path === targetPath)?.diskUri,
        "/disks/other",
      );
    }));

  it("replaces the volume's old device at its own target by the new one", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.publish());
      world.machine.detach(0);
      await must(world.answerOf(world.ports().host.unmount(stagingPath, never)));
      world.machine.attach({ lun: 1, disk: world.disk });
      await world.setAttachment((attachment) => ({
        ...attachment,
        status: attachment.status && { ...attachment.status, lun: 1 },
      }));
      assert.deepEqual(await world.publish(), done);
      const { host } = world.ports();
      const found = await world.answerOf(host.findDevice({ lun: 1 }, never));
      const mount = await world.answerOf(host.mountAt(targetPath, never));
      assert.ok(found.ok && mount.ok);
      assert.equal(mount.value?.majorMinor, found.value.majorMinor);
    }));

  it("leaves no placeholder at a raw device's target, whose device has come back, too", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.publish(block));
      world.machine.detach(0);
      world.machine.attach({ lun: 0, disk: world.disk });
      world.machine.failNext("mountPlaceholder", failure);
      const published = await world.publish(block);
      assert.equal(!published.ok && published.failure.kind, "DeviceBusy");
    }));

  it("covers a placeholder as it is", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.publish());
      await must(world.answerOf(world.ports().host.mountPlaceholder(targetPath, never)));
      world.machine.failNext("mountPlaceholder", failure);
      assert.deepEqual(await world.publish(), done);
    }));

  it("reports a target from which it could not remove the volume", () =>
    withNode({ writer: granted }, async (world) => {
      await must(world.stage());
      world.machine.setLatencyMs("bindMount", 1_000);
      world.machine.failNext("unmount", failure);
      const publishing = publishVolume(world.ports(), aPublishRequest(), never);
      assert.ok(await world.clock.runUntil(() => world.machine.commandsInFlight().length > 0, 60_000));
      await world.setRecord((record) => ({ ...record, fencing: identity("node-a") }));
      assert.deepEqual(await world.answerOf(publishing), { ok: false, failure });
    }));

  it("binds a volume that several nodes write, whose object has no record", () =>
    withNode({}, async (world) => {
      const volume = await must(world.store.get("AzVolume", "pvc-1", never));
      assert.ok(volume.status !== undefined);
      const { record: _, ...status } = volume.status;
      await must(world.store.updateStatus("AzVolume", { ...volume, status }, never));
      const many = { accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" } as const;
      await world.setVolume((present) => ({ ...present, spec: { ...present.spec, capabilities: [many] } }));
      assert.deepEqual(await world.publish(block), done);
      assert.deepEqual(
        world.machine.mounts().map(({ path }) => path),
        [targetPath],
      );
    }));

  it("keeps targets in order, whatever order they came in, and drops each alone", () =>
    withNode({ writer: granted }, async (world) => {
      const paths = ["/var/lib/kubelet/pods/2/mount", "/var/lib/kubelet/pods/1/mount"];
      for (const path of paths) await must(world.publish({ targetPath: path }));
      const checkpointed = () => world.ports().checkpoints.volumes()[0]?.targetPaths;
      assert.deepEqual(checkpointed(), paths.toSorted());
      const unpublish = (path: string) => world.unpublish({ targetPath: path });
      world.machine.failNext("unmount", failure);
      assert.deepEqual(
        [await unpublish("/var/lib/kubelet/pods/2/mount"), checkpointed()],
        [{ ok: false, failure }, paths.toSorted()],
      );
      assert.deepEqual(
        [await unpublish("/var/lib/kubelet/pods/2/mount"), checkpointed()],
        [done, ["/var/lib/kubelet/pods/1/mount"]],
      );
    }));
});

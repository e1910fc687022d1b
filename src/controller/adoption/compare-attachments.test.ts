import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzVolumeAttachment } from "../../core/api/az-volume-attachment.ts";
import type { AzVolume } from "../../core/api/az-volume.ts";
import { fail, ok } from "../../core/failure/result.ts";
import {
  agoMs,
  aRecord,
  aReplica,
  attachmentName,
  aVolume,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  instanceUriOf,
} from "../../core/testing/objects.ts";
import { listIn } from "../../core/testing/record-lists.ts";
import { must } from "../../core/testing/value-of.ts";
import { nodesIn } from "../../core/writer/record/record-nodes.ts";
import { reclaim, grant, mayAttach, mayDetach } from "../../core/writer/record/writer-steps.ts";
import { takeBackStaged } from "../../objects/staged-mark.ts";
import { changeStatus } from "../../objects/update-object.ts";
import type { ObjectStore } from "../../ports/store/object-store.ts";
import type { ControllerPorts } from "../controller-ports.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { anInstance } from "../testing/an-instance.ts";
import { compareAttachments } from "./compare-attachments.ts";

const never = new AbortController().signal;
/** A VM that is no node of the cluster. */
const STRANGER =
  "/subscriptions/sub-1/resourceGroups/elsewhere/providers/Microsoft.Compute/virtualMachines/vm";
const on = (nodeNames: readonly string[]): ReturnType<typeof aDisk> =>
  aDisk({ attachedTo: nodeNames.map((name) => (name === STRANGER ? name : instanceUriOf(name))) });

/**
 * Compares a list of disks, where Azure now reports the disk on these VMs, each at LUN 5. `concurrently`:
 * what others do between the read of a VM and its answer.
 */
async function compare(
  world: ReconcileWorld,
  {
    listed,
    now = listed,
    concurrently = async () => {},
    entry = {},
  }: {
    readonly listed: readonly string[];
    readonly now?: readonly string[];
    readonly concurrently?: () => Promise<unknown>;
    readonly entry?: { readonly deletedWithVm?: true };
  },
): Promise<number> {
  const volume = world.volume() ?? assert.fail("no volume");
  for (const nodeName of now)
    if (nodeName !== STRANGER) world.instances.set(instanceUriOf(nodeName), `vm-${nodeName}`);
  let asked = 0;
  const cloud: ControllerPorts["cloud"] = {
    ...world.ports.cloud,
    getDisk: async () => {
      asked += 1;
      return ok(on(now));
    },
    inspectInstance: async (request, signal) => {
      const found = await world.ports.cloud.inspectInstance(request, signal);
      await concurrently();
      const listed = { diskUri, lun: 5, beingDetached: false, ...entry };
      const dataDisks = now.includes(request.nodeName) ? [listed] : [];
      return found.ok ? ok({ ...found.value, dataDisks }) : found;
    },
  };
  const compared = await world.answerOf(
    compareAttachments({ ...world.ports, cloud }, volume, on(listed), never),
  );
  assert.deepEqual(compared, ok(undefined));
  return asked;
}

function seen(world: ReconcileWorld, nodeName: string): unknown {
  const { spec, status } = world.attachment(nodeName) ?? assert.fail(`no attachment of ${nodeName}`);
  return { role: spec.role, state: status?.state, lun: status?.lun, deviceMissing: status?.deviceMissing };
}

/** What is seen of a replica that is attached at a LUN. */
function attachedAt(lun: number, deviceMissing?: boolean): unknown {
  return { role: "Replica", state: "Attached", lun, deviceMissing };
}

const attached = (
  nodeName: string,
  status: AzVolumeAttachment["status"] = { state: "Attached", lun: 2 },
): AzVolumeAttachment => aReplica(nodeName, { status: { vmId: `vm-${nodeName}`, ...status } });

describe("compareAttachments", () => {
  it("recreates the attachment of a disk on a VM that no object names", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord(aRecord({ epoch: 1, writer: aWriter("node-b") })));
      await world.given("AzVolumeAttachment", attached("node-b"));
      await compare(world, { listed: ["node-a", "node-b"] });
      assert.deepEqual(seen(world, "node-a"), attachedAt(5));
      assert.deepEqual(world.readLanes, new Set(["primaryAttach"]));
      assert.deepEqual(seen(world, "node-b"), attachedAt(2));
      assert.deepEqual(world.volume()?.status?.record?.writer?.nodeName, "node-b");
    }));

  it("reports a disk that Azure would delete with its VM", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord(aRecord({ epoch: 1, writer: aWriter("node-b") })));
      await world.given("AzVolumeAttachment", attached("node-b"));
      await compare(world, { listed: ["node-a", "node-b"], entry: { deletedWithVm: true } });
      assert.deepEqual(
        world.emitted
          .filter(({ reason }) => reason === "DeletedWithVM")
          .map(({ message }) => [message.includes(diskUri), message.includes(instanceUriOf("node-a"))]),
        [[true, true]],
      );
    }));

  it("records a disk on the VM that has the id of a scaled-in instance by now", () =>
    withControllerPorts(async (world) => {
      // Else the attachment of the earlier instance would hide that the disk is on the later one.
      await world.given("AzVolume", aVolumeWithRecord(aRecord({ epoch: 1, writer: aWriter("node-b") })));
      await world.given("AzDriverNode", aDriverNode("node-a", { vmId: "vm-node-a" }));
      const earlier = { state: "Attached", lun: 2, vmId: "vm-earlier" } as const;
      await world.given("AzVolumeAttachment", attached("node-a", earlier));
      await world.given("AzVolumeAttachment", attached("node-b"));
      assert.equal(await compare(world, { listed: ["node-a", "node-b"] }), 1);
      const { vmId, lun } = world.attachment("node-a")?.status ?? {};
      assert.deepEqual({ vmId, lun }, { vmId: "vm-node-a", lun: 5 });
      const unverified = nodesIn(world.volume()?.status?.record, "unverified");
      assert.deepEqual(
        unverified.map((node) => node.vmId),
        ["vm-node-a"],
      );
      assert.equal(await compare(world, { listed: ["node-a", "node-b"] }), 0);
    }));

  it("recreates it for a volume that is being deleted, too", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", {
        ...aVolumeWithRecord({}),
        metadata: { ...aVolumeWithRecord({}).metadata, deletionTimestamp: agoMs(0), finalizers: ["f"] },
      });
      await compare(world, { listed: ["node-a"] });
      assert.deepEqual(seen(world, "node-a"), attachedAt(5));
    }));

  it("requests a read of the VM where another client has detached the disk", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      for (const nodeName of ["node-a", "node-b"])
        await world.given("AzVolumeAttachment", attached(nodeName));
      await compare(world, { listed: ["node-b"] });
      assert.deepEqual(seen(world, "node-a"), attachedAt(2, true));
      assert.deepEqual(seen(world, "node-b"), attachedAt(2));
    }));

  // Azure showed the disk before it was there.
  it("requests no read of a VM to which the disk is attached while another VM is read", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord(aRecord({ epoch: 1, writer: aWriter("node-c") })));
      const attaching = attached("node-c", { state: "Attaching" });
      await world.given("AzVolumeAttachment", attaching);
      const target = { kind: "AzVolumeAttachment", name: attaching.metadata.name } as const;
      const recordAttached = (present: AzVolumeAttachment): AzVolumeAttachment => ({
        ...present,
        status: { ...present.status, state: "Attached", lun: 2 },
      });
      await compare(world, {
        listed: ["node-a"],
        concurrently: () => must(changeStatus(world.ports.store, target, recordAttached, never)),
      });
      assert.equal(world.attachment("node-c")?.status?.deviceMissing, undefined);
      assert.deepEqual(
        world.emitted.map(({ reason }) => reason),
        ["FoundAttached"],
      );
    }));

  it("reports no lost disk where another controller is already detaching it", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord(aRecord({ epoch: 1, writer: aWriter("node-c") })));
      await world.given("AzVolumeAttachment", attached("node-c"));
      const seenBefore = world.attachment("node-c") ?? assert.fail("no attachment");
      const { byIndex } = world.ports.cache;
      const stale: typeof byIndex = (kind, index, key) =>
        byIndex(kind, index, key).map((present) =>
          present.metadata.uid === seenBefore.metadata.uid ? { ...present, ...seenBefore } : present,
        );
      await must(
        changeStatus(
          world.ports.store,
          { kind: "AzVolumeAttachment", name: seenBefore.metadata.name },
          (present) => ({ ...present, status: { ...present.status, state: "Detaching" } }),
          never,
        ),
      );
      const cache = { ...world.ports.cache, byIndex: stale };
      await compare({ ...world, ports: { ...world.ports, cache } }, { listed: [] });
      assert.deepEqual([world.emitted, world.attachment("node-c")?.status?.state], [[], "Detaching"]);
    }));

  it("records a VM that is no node as unverified, and reports it once", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord(aRecord({ epoch: 1, writer: aWriter("node-a") })));
      await world.given("AzVolumeAttachment", attached("node-a"));
      await compare(world, { listed: ["node-a", STRANGER] });
      assert.deepEqual(listIn(world.record(), "unverified"), [
        { nodeName: STRANGER, vmId: STRANGER, instanceUri: STRANGER },
      ]);
      assert.equal(world.record()?.writer?.nodeName, "node-a");
      assert.equal(
        world.commits.filter(({ verb, kind }) => verb === "create" && kind === "AzVolumeAttachment").length,
        1,
      );
      assert.deepEqual(
        world.emitted.map(({ reason, message }) => [reason, message.includes(STRANGER)]),
        [["FoundAttached", true]],
      );
      assert.equal(await compare(world, { listed: ["node-a", STRANGER] }), 0);
      assert.equal(world.emitted.length, 1);
    }));

  it("distrusts a node whose disk another client attaches again after its fence", () =>
    withControllerPorts(async (world) => {
      const fenced = { ...identity("node-a"), vmId: "vm-node-a" };
      const writer = aWriter("node-b", { epoch: 2 });
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord(aRecord({ epoch: 2, writer, quarantined: [fenced] })));
      await world.given("AzVolumeAttachment", attached("node-b"));
      await compare(world, { listed: ["node-a", "node-b"] });
      const record = world.record();
      assert.ok(record !== undefined);
      assert.deepEqual(
        [record.writer, listIn(record, "quarantined"), listIn(record, "unverified")],
        [writer, [], [{ ...fenced, wasQuarantined: true }]],
      );
      assert.deepEqual(
        [mayAttach(record, fenced), grant(record, fenced).ok, reclaim(record, fenced, 9).ok],
        [false, false, false],
      );
      // Its attachment keeps the disk's place, so that the node can verify that nothing of it is in use.
      assert.deepEqual(seen(world, "node-a"), attachedAt(5));
      assert.equal(mayDetach(record, fenced), false);
    }));

  it("records a node with an unrecorded disk as unverified before its attachment", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord(aRecord({ epoch: 1, writer: aWriter("node-b") })));
      await world.given("AzVolumeAttachment", attached("node-b"));
      const before = world.commits.length;
      await compare(world, { listed: ["node-a", "node-b"] });
      assert.deepEqual(
        listIn(world.record(), "unverified").map(({ nodeName }) => nodeName),
        ["node-a"],
      );
      assert.deepEqual(world.commits.slice(before).map(({ kind }) => kind)[0], "AzVolume");
    }));

  const same: readonly {
    readonly because: string;
    readonly there: readonly AzVolumeAttachment[];
    readonly listed: readonly string[];
  }[] = [
    { because: "both agree", there: [attached("node-a")], listed: ["node-a"] },
    { because: "an attach is under way", there: [attached("node-a", { state: "Attaching" })], listed: [] },
  ];
  for (const { because, there, listed } of same) {
    it(`requests and changes nothing where ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({}));
        for (const attachment of there) await world.given("AzVolumeAttachment", attachment);
        const before = world.commits.length;
        assert.equal(await compare(world, { listed }), 0);
        assert.equal(world.commits.length, before);
      }));
  }

  for (const { because, status } of [
    { because: "still waits, without a VM", status: { state: "Pending" } },
    { because: "failed without a VM", status: { state: "AttachmentFailed" } },
    {
      because: "names the VM that had the node's name before",
      status: { state: "Attached", lun: 2, vmId: "vm-0", instanceUri: instanceUriOf("node-z") },
    },
  ] as const)
    it(`records a node as unverified whose attachment ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord(aRecord({ epoch: 1 })));
        await world.given("AzVolumeAttachment", { ...aReplica("node-a"), status });
        await compare(world, { listed: ["node-a"] });
        const node = { ...identity("node-a"), vmId: "vm-node-a" };
        assert.deepEqual(listIn(world.record(), "unverified"), [node]);
        assert.equal(mayDetach(world.record() ?? assert.fail("no record"), node), false);
        assert.deepEqual(seen(world, "node-a"), attachedAt(5));
      }));

  const aSharedVolume = (): AzVolume => {
    const { record: _, ...provisioned } = aVolume().status ?? assert.fail("no status");
    const capabilities = [{ accessMode: "MULTI_NODE_MULTI_WRITER", accessType: "block" }] as const;
    return { ...aVolume({ spec: { capabilities } }), status: provisioned };
  };

  // Its request may have been withdrawn before its attach, and the one before it been erased.
  it("records a shared disk that no object shows as leaving, and staged", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aSharedVolume());
      for (const nodeName of ["node-a", "node-b"])
        await world.given("AzDriverNode", aDriverNode(nodeName, { vmId: `vm-${nodeName}` }));
      await world.given("AzVolumeAttachment", { ...aReplica("node-b"), status: { state: "Pending" } });
      await compare(world, { listed: ["node-a", "node-b"] });
      const leaving = ["node-a", "node-b"].map((nodeName) => {
        const made = world.attachment(nodeName) ?? assert.fail(`no attachment of ${nodeName}`);
        return [made.status?.state, made.status?.attempt !== undefined, made.spec.staged];
      });
      assert.deepEqual(leaving, [
        ["Detaching", true, true],
        ["Detaching", true, true],
      ]);
    }));

  // Without a checkpoint it looks for mounts only at a LUN.
  it("records it as staged also where its node takes that back before its place", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aSharedVolume());
      await world.given("AzDriverNode", aDriverNode("node-a", { vmId: "vm-node-a" }));
      const { store } = world.ports;
      const ports = { steps: world.ports.steps, store: world.other };
      let isTakenBack = false;
      const early: ObjectStore = {
        ...store,
        updateStatus: async (kind, object, signal) => {
          if (!isTakenBack)
            await must(takeBackStaged(ports, { volumeId: diskUri, node: identity("node-a") }, never));
          isTakenBack = true;
          return store.updateStatus(kind, object, signal);
        },
      };
      await compare({ ...world, ports: { ...world.ports, store: early } }, { listed: ["node-a"] });
      assert.ok(isTakenBack);
      const made = world.attachment("node-a");
      assert.deepEqual([made?.status?.state, made?.spec.staged], ["Detaching", true]);
    }));

  it("keeps the mark that a shared volume's attachment got since it was read", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aSharedVolume());
      await world.given("AzDriverNode", aDriverNode("node-a", { vmId: "vm-node-a" }));
      await world.given("AzVolumeAttachment", { ...aReplica("node-a"), status: { state: "Pending" } });
      const vm = { vmId: "vm-node-a", instanceUri: instanceUriOf("node-a") };
      const mark = { ...vm, state: "Detaching", lun: 5, attempt: "rollback" } as const;
      const markIt = (): Promise<unknown> =>
        changeStatus(
          world.ports.store,
          { kind: "AzVolumeAttachment", name: attachmentName("node-a") },
          (present) => ({ ...present, status: mark }),
          never,
        );
      await compare(world, { listed: ["node-a"], concurrently: markIt });
      // A detach that the lost objects had allowed may be under way: its node stages nothing by this.
      assert.deepEqual(world.attachment("node-a")?.status, mark);
    }));

  it("distrusts a stray also where its disk's changed shares can't be recorded", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord(aRecord({ epoch: 1 })));
      const problem = "spec.modification: refused by a policy";
      const refused = { kind: "ObjectInvalid", objectKind: "AzVolume", name: "pvc-1", problem } as const;
      const { cloud, store } = world.ports;
      const disk = { ...on(["node-a"]), maxShares: 2 };
      const vm = anInstance("node-a", { dataDisks: [{ diskUri, lun: 5, beingDetached: false }] });
      const ports: ControllerPorts = {
        ...world.ports,
        cloud: { ...cloud, getDisk: async () => ok(disk), inspectInstance: async () => ok(vm) },
        store: {
          ...store,
          update: async (kind, object, signal) =>
            "modification" in object.spec ? fail(refused) : store.update(kind, object, signal),
        },
      };
      const volume = world.volume() ?? assert.fail("no volume");
      const compared = await world.answerOf(compareAttachments(ports, volume, disk, never));
      assert.deepEqual(compared, fail(refused));
      const unverified = listIn(world.record(), "unverified");
      assert.deepEqual(
        unverified.map(({ nodeName }) => nodeName),
        ["node-a"],
      );
    }));

  it("changes nothing where the list is older than the objects", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      await world.given("AzVolumeAttachment", attached("node-a"));
      const before = world.commits.length;
      await compare(world, { listed: ["node-b"], now: ["node-a"] });
      assert.equal(world.commits.length, before);
    }));

  it("requeues where Azure can't be reached", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({}));
      const throttled = { kind: "Throttled", retryAfterMs: 1_000, detail: "429" } as const;
      const cloud = { ...world.ports.cloud, getDisk: async () => fail(throttled) };
      const volume = world.volume() ?? assert.fail("no volume");
      assert.deepEqual(
        await compareAttachments({ ...world.ports, cloud }, volume, on(["node-a"]), never),
        fail(throttled),
      );
    }));
});

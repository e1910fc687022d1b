import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeIdentity } from "../../core/api/identity/node-identity.ts";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import {
  anAttachment,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  instanceUriOf,
} from "../../core/testing/objects.ts";
import { listIn } from "../../core/testing/record-lists.ts";
import type { CloudProvisioner, InstanceFacts } from "../../ports/cloud/cloud-provisioner.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { anInstance } from "../testing/an-instance.ts";
import { askIfGone } from "./ask-if-gone.ts";

const never = new AbortController().signal;
const a = identity("node-a");

async function confirm(
  world: ReconcileWorld,
  node: NodeIdentity,
  cloud: Partial<CloudProvisioner> = {},
): Promise<unknown> {
  const ports = { ...world.ports, cloud: { ...world.ports.cloud, ...cloud } };
  return world.answerOf(askIfGone(ports, { volumeName: "pvc-1", volumeId: diskUri }, node, never));
}

describe("askIfGone", () => {
  for (const { because, vmId } of [
    { because: "is not found", vmId: undefined },
    { because: "was replaced by another one", vmId: "another" },
  ])
    it(`begins the fence of a VM that ${because}, which proves again that it is gone`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
        const attached = anAttachment("node-a", { status: { lun: 3 } });
        await world.given("AzVolumeAttachment", attached);
        if (vmId !== undefined) world.instances.set(a.instanceUri, vmId);
        await confirm(world, a);
        assert.deepEqual(
          [world.record()?.writer, world.record()?.fencing, world.steps],
          [aWriter("node-a", { requested: false }), a, ["begin-fence"]],
        );
        // The fence resets it, before it ends.
        assert.deepEqual(world.attachment("node-a")?.status, attached.status);
      }));

  it("fences no VM that still exists", () =>
    withControllerPorts(async (world) => {
      const record = { writer: aWriter("node-a", { requested: false }) };
      await world.given("AzVolume", aVolumeWithRecord(record));
      await world.given("AzDriverNode", aDriverNode("node-a"));
      world.instances.set(a.instanceUri, a.vmId);
      await confirm(world, a);
      assert.deepEqual(world.record(), aVolumeWithRecord(record).status?.record);
    }));

  it("fences an unverified VM that is gone", () =>
    withControllerPorts(async (world) => {
      await world.given("AzVolume", aVolumeWithRecord({ unverified: [a] }));
      await confirm(world, a);
      assert.deepEqual([world.record()?.fencing, listIn(world.record(), "unverified")], [a, [a]]);
    }));

  it("frees no holder that is not found while another node is being fenced", () =>
    withControllerPorts(async (world) => {
      const other = { writer: aWriter("node-a", { requested: false }), fencing: identity("node-b") };
      await world.given("AzVolume", aVolumeWithRecord(other));
      const reason = "node-b is being fenced";
      const refused = { kind: "NotWriter", volumeId: diskUri, nodeName: "node-a", reason } as const;
      assert.deepEqual(await confirm(world, a), fail(refused));
      assert.deepEqual(world.record(), aVolumeWithRecord(other).status?.record);
    }));

  it("asks the node that reports from that VM, whatever node had its id before", () =>
    withControllerPorts(async (world) => {
      // A scale set gave the id of node-a's instance to node-b, while node-a's objects were still there.
      const instanceUri = instanceUriOf("node-a");
      const misnamed = { nodeName: "node-a", vmId: "next", instanceUri };
      const renamed = { ...misnamed, nodeName: "node-b" };
      world.nodeNames.delete(instanceUriOf("node-b"));
      world.nodeNames.set(instanceUri, "node-b");
      await world.given("AzVolume", aVolumeWithRecord({ unverified: [misnamed] }));
      await world.given("AzDriverNode", aDriverNode("node-a", { vmId: a.vmId, instanceUri }));
      world.instances.set(instanceUri, "next");
      await world.given("AzDriverNode", aDriverNode("node-b", { vmId: "NEXT", instanceUri }));
      await confirm(world, misnamed);
      assert.deepEqual(listIn(world.record(), "unverified"), [renamed]);
    }));

  for (const { because, given, expected } of [
    {
      because: "holds the volume",
      given: { writer: aWriter("node-a") },
      expected: { writer: { ...aWriter("node-z"), ...a, nodeName: "node-z", nodeUid: "uid-z" } },
    },
    {
      because: "is in quarantine",
      given: { quarantined: [a] },
      expected: { quarantined: [{ ...a, nodeName: "node-z", nodeUid: "uid-z" }] },
    },
  ])
    it(`gives its present name to a VM that ${because} as an earlier node`, () =>
      withControllerPorts(async (world) => {
        const writer = given.writer && { ...given.writer, nodeUid: "uid-a" };
        await world.given("AzVolume", aVolumeWithRecord(writer === undefined ? given : { writer }));
        await world.given("AzDriverNode", aDriverNode("node-a"));
        world.instances.set(a.instanceUri, a.vmId);
        world.nodeNames.set(a.instanceUri, "node-z");
        world.nodeUids.set("node-z", "uid-z");
        const { vmId, instanceUri } = a;
        await world.given("AzDriverNode", aDriverNode("node-z", { vmId: vmId.toUpperCase(), instanceUri }));
        await confirm(world, a);
        assert.deepEqual(world.record(), aVolumeWithRecord(expected).status?.record);
      }));

  describe("for a VM without a node plug-in", () => {
    const vmUri = "/subscriptions/sub-1/resourceGroups/rg-2/providers/Microsoft.Compute/virtualMachines/vm-x";
    const listing = anInstance("vm-x", {
      instanceUri: vmUri,
      dataDisks: [{ diskUri: diskUri.toUpperCase(), lun: 0, beingDetached: true }],
    });
    const node = { nodeName: vmUri, vmId: vmUri, instanceUri: vmUri };
    const givenForeign = (world: ReconcileWorld): Promise<void> =>
      world.given("AzVolume", aVolumeWithRecord({ defaultAccess: "quarantined", unverified: [node] }));

    it("releases the volume of a foreign VM only once its owner has detached the disk", () =>
      withControllerPorts(async (world) => {
        await givenForeign(world);
        await confirm(world, node, {
          getDisk: async () => ok(aDisk({ attachedTo: [node.instanceUri.toUpperCase()] })),
        });
        assert.deepEqual(listIn(world.record(), "unverified"), [node]);
        await confirm(world, node, { getDisk: async () => ok(aDisk()) });
        assert.deepEqual(listIn(world.record(), "unverified"), []);
      }));

    const inspections: readonly {
      readonly because: string;
      readonly inspected: Result<InstanceFacts>;
      readonly isFreed: boolean;
    }[] = [
      { because: "the VM still lists the disk", inspected: ok(listing), isFreed: false },
      {
        because: "the VM can't be read now",
        inspected: fail({ kind: "Throttled", retryAfterMs: 1_000, detail: "429" }),
        isFreed: false,
      },
      {
        because: "the driver may not read the VM",
        inspected: fail({
          kind: "CloudUnauthorized",
          code: "AuthorizationFailed",
          message: "may not read vm-x",
          requestId: "r",
        }),
        isFreed: false,
      },
      {
        because: "the VM does not list the disk",
        inspected: ok(anInstance("vm-x", { instanceUri: vmUri })),
        isFreed: true,
      },
      {
        because: "there is no such VM",
        inspected: fail({ kind: "InstanceNotFound", nodeName: vmUri }),
        isFreed: true,
      },
      {
        because: "its id is in another subscription",
        inspected: fail({
          kind: "InstanceUnknown",
          nodeName: vmUri,
          instanceUri: vmUri,
          problem: "another subscription",
        }),
        isFreed: true,
      },
    ];
    for (const { because, inspected, isFreed } of inspections)
      it(`${isFreed ? "frees" : "keeps"} the volume of a VM that the disk no longer names: ${because}`, () =>
        withControllerPorts(async (world) => {
          await givenForeign(world);
          await confirm(world, node, {
            getDisk: async () => ok(aDisk()),
            inspectInstance: async () => inspected,
          });
          assert.deepEqual(listIn(world.record(), "unverified"), isFreed ? [] : [node]);
        }));

    it("releases the volume of an own VM by proof, and keeps the VM in quarantine", () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ unverified: [a] }));
        world.instances.set(a.instanceUri, a.vmId);
        world.attachedTo.add("node-a");
        await confirm(world, a);
        assert.deepEqual(listIn(world.record(), "unverified"), [a], "the VM lists the disk");
        world.attachedTo.delete("node-a");
        await confirm(world, a);
        assert.deepEqual(
          [listIn(world.record(), "unverified"), listIn(world.record(), "quarantined")],
          [[], [a]],
        );
      }));

    it("fences a writer whose AzDriverNode is gone and whose VM has no disk", () =>
      withControllerPorts(async (world) => {
        // A paused mount command mounts once the VM continues: without quarantine the disk could come
        // back under it.
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a") }));
        world.instances.set(a.instanceUri, a.vmId);
        await confirm(world, a);
        const { writer, fencing } = world.record() ?? {};
        const quarantine = listIn(world.record(), "quarantined");
        assert.deepEqual(
          [writer?.nodeName, writer?.requested, fencing, quarantine],
          ["node-a", false, a, []],
        );
      }));

    it("releases no writer by a proof that is older than the record", () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) }));
        world.instances.set(a.instanceUri, a.vmId);
        world.during.prove = () => world.setRecord((record) => ({ ...record, epoch: record.epoch + 1 }));
        await confirm(world, a);
        assert.equal(world.record()?.fencing, undefined);
      }));

    for (const [what, record] of [
      ["in quarantine for as long as it exists", { quarantined: [a] }],
      ["to the fence that was begun", { writer: aWriter("node-a", { requested: false }), fencing: a }],
    ] as const)
      it(`leaves an own VM ${what}, and does not touch it`, () =>
        withControllerPorts(async (world) => {
          await world.given("AzVolume", aVolumeWithRecord(record));
          world.instances.set(a.instanceUri, a.vmId);
          await confirm(world, a);
          assert.deepEqual(world.record(), aVolumeWithRecord(record).status?.record);
          assert.deepEqual(world.steps, []);
        }));

    it("keeps the volume of a foreign VM where the disk can't be read", () =>
      withControllerPorts(async (world) => {
        await givenForeign(world);
        const failure = { kind: "Throttled", retryAfterMs: 1_000, detail: "429" } as const;
        const inspectInstance = async () => ok(anInstance("vm-x", { instanceUri: vmUri }));
        assert.deepEqual(
          await confirm(world, node, { getDisk: async () => fail(failure), inspectInstance }),
          { ok: false, failure },
        );
        assert.deepEqual(listIn(world.record(), "unverified"), [node]);
      }));

    it("releases it where the disk is gone", () =>
      withControllerPorts(async (world) => {
        const foreign = { nodeName: vmUri, vmId: vmUri, instanceUri: vmUri };
        await world.given(
          "AzVolume",
          aVolumeWithRecord({ defaultAccess: "quarantined", unverified: [foreign] }),
        );
        await confirm(world, foreign, { getDisk: async () => fail({ kind: "DiskNotFound", diskUri }) });
        assert.deepEqual(listIn(world.record(), "unverified"), []);
      }));

    it("names the node that has registered on it since", () =>
      withControllerPorts(async (world) => {
        const unknown = { nodeName: a.instanceUri, vmId: a.instanceUri, instanceUri: a.instanceUri };
        world.nodeNames.clear();
        world.instances.set(a.instanceUri, a.vmId);
        await world.given(
          "AzVolume",
          aVolumeWithRecord({ defaultAccess: "quarantined", unverified: [unknown] }),
        );
        await confirm(world, unknown, { getDisk: async () => ok(aDisk({ attachedTo: [a.instanceUri] })) });
        assert.deepEqual(listIn(world.record(), "unverified"), [unknown], "no node is registered there");
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await confirm(world, unknown);
        assert.deepEqual(listIn(world.record(), "unverified"), [a]);
      }));

    for (const { who, isGone } of [
      { who: "its Node is gone", isGone: true },
      { who: "its Node has no providerID yet", isGone: false },
    ])
      it(`takes no name for it from an attachment where ${who}`, () =>
        withControllerPorts(async (world) => {
          const foreign = { ...a, nodeName: a.instanceUri };
          if (isGone) world.gone.add("node-a");
          else world.nodeUids.set("node-a", "uid-of-node-a");
          world.nodeNames.delete(a.instanceUri);
          world.instances.set(a.instanceUri, a.vmId);
          await world.given("AzVolume", aVolumeWithRecord({ unverified: [foreign], clean: [a] }));
          await world.given(
            "AzVolumeAttachment",
            anAttachment("node-a", { status: { lun: 3, instanceUri: a.instanceUri } }),
          );
          await confirm(world, foreign, { getDisk: async () => ok(aDisk({ attachedTo: [a.instanceUri] })) });
          assert.deepEqual(listIn(world.record(), "unverified"), [foreign]);
          world.gone.clear();
          world.nodeNames.set(a.instanceUri, "node-a");
          await confirm(world, foreign);
          assert.deepEqual(
            listIn(world.record(), "unverified").map(({ nodeName }) => nodeName),
            ["node-a"],
          );
        }));

    it("never acts for a node of the cluster", () =>
      withControllerPorts(async (world) => {
        await world.given("AzVolume", aVolumeWithRecord({ defaultAccess: "quarantined", unverified: [a] }));
        await world.given("AzDriverNode", aDriverNode("node-a"));
        world.instances.set(instanceUriOf("node-a"), a.vmId);
        await confirm(world, a, { getDisk: async () => ok(aDisk()) });
        assert.deepEqual(listIn(world.record(), "unverified"), [a]);
      }));
  });
});

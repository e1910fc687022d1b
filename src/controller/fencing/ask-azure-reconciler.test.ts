import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok } from "../../core/failure/result.ts";
import {
  anAttachment,
  aVolumeWithRecord,
  aWriter,
  diskUri,
  identity,
  instanceUriOf,
} from "../../core/testing/objects.ts";
import { listIn, changedRecord } from "../../core/testing/record-lists.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import type { Logger } from "../../ports/logger.ts";
import { silentLogger } from "../../ports/testing/silent-logger.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { anInstance } from "../testing/an-instance.ts";
import { volumeReconciler } from "../writer/volume-reconciler.ts";
import { askAzureReconciler } from "./ask-azure-reconciler.ts";

const never = new AbortController().signal;
const a = identity("node-a");

/**
 * A world in which node-a holds a volume that is recalled, and has no attachment that shows where the
 * disk is.
 */
async function withStrandedHolder(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
  await withControllerPorts(async (world) => {
    await world.given("AzDriverNode", aDriverNode("node-a"));
    await world.given("AzVolume", aVolumeWithRecord({ writer: aWriter("node-a", { requested: false }) }));
    world.instances.set(instanceUriOf("node-a"), a.vmId);
    await world.clock.advance(10_000);
    await act(world);
  });
}

function pass(
  world: ReconcileWorld,
  cloud: Partial<CloudProvisioner> = {},
  logger: Logger = silentLogger,
): Promise<unknown> {
  const ports = { ...world.ports, logger, cloud: { ...world.ports.cloud, ...cloud } };
  return world.answerOf(askAzureReconciler(ports).reconcile("pvc-1", never));
}

/** A pass of the volume's own loop, which makes no call to Azure. */
function reconcile(world: ReconcileWorld): Promise<unknown> {
  return world.answerOf(volumeReconciler(world.ports, () => {}).reconcile("pvc-1", never));
}

describe("a holder with nothing that shows where its disk is", () => {
  it("is fenced once Azure does not list the disk on its VM, though it is alive", () =>
    withStrandedHolder(async (world) => {
      assert.deepEqual(await pass(world), { ok: true, value: { requeueAfterMs: 10_000 } });
      assert.deepEqual(world.record()?.fencing, a);
    }));

  it("is not fenced while Azure lists the disk there", () =>
    withStrandedHolder(async (world) => {
      const dataDisks = [{ diskUri: diskUri.toUpperCase(), lun: 0, beingDetached: true }];
      await pass(world, { inspectInstance: async () => ok(anInstance("node-a", { dataDisks })) });
      assert.equal(world.record()?.fencing, undefined);
    }));

  it("is not fenced where another VM has its name by now", () =>
    withStrandedHolder(async (world) => {
      await pass(world, { inspectInstance: async () => ok(anInstance("node-a", { vmId: "another" })) });
      assert.equal(world.record()?.fencing, undefined);
    }));

  it("is not fenced where its VM is not found while it sends heartbeats, and is logged", () =>
    withStrandedHolder(async (world) => {
      world.instances.delete(instanceUriOf("node-a"));
      const lines: unknown[] = [];
      const logger: Logger = { ...silentLogger, info: (message, fields) => lines.push([message, fields]) };
      assert.deepEqual(await pass(world, {}, logger), { ok: true, value: { requeueAfterMs: 10_000 } });
      const fields = { volumeName: "pvc-1", nodeName: "node-a" };
      assert.deepEqual(
        [world.record()?.fencing, lines],
        [undefined, [["VM not found: asked again", { ...fields, instanceUri: a.instanceUri }]]],
      );
    }));

  it("is not fenced while a workload uses the volume there, and is requested again", () =>
    withStrandedHolder(async (world) => {
      world.use = { kind: "used", users: ["pod default/db-0"] };
      await pass(world);
      assert.deepEqual([world.record()?.fencing, world.record()?.writer?.requested], [undefined, true]);
    }));
});

describe("a holder whose Node was deleted, and whose plug-in is silent", () => {
  const holder = { ...a, nodeUid: "uid-of-node-a" };

  async function withLostHolder(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
    await withControllerPorts(async (world) => {
      world.gone.add("node-a");
      world.nodeNames.delete(a.instanceUri);
      await world.given("AzDriverNode", aDriverNode("node-a"));
      const writer = { ...aWriter("node-a", { requested: false }), ...holder };
      await world.given("AzVolume", aVolumeWithRecord({ writer }));
      await world.given("AzVolumeAttachment", anAttachment("node-a", { status: { lun: 3 } }));
      world.instances.set(a.instanceUri, a.vmId);
      world.attachedTo.add("node-a");
      await world.clock.advance(60_000);
      await act(world);
    });
  }

  for (const { powerState, isFenced } of [
    { powerState: "deallocated", isFenced: true },
    { powerState: "running", isFenced: false },
    { powerState: "hibernated", isFenced: false },
  ] as const)
    it(`${isFenced ? "is fenced" : "keeps the volume"} while its VM is ${powerState}`, () =>
      withLostHolder(async (world) => {
        world.powerStates.set(a.instanceUri, powerState);
        await pass(world);
        assert.deepEqual(world.record()?.fencing, isFenced ? holder : undefined);
      }));

  it("is fenced once Azure does not list the disk on its VM", () =>
    withLostHolder(async (world) => {
      world.attachedTo.clear();
      await pass(world);
      assert.deepEqual(world.record()?.fencing, holder);
    }));

  it("is not fenced once its plug-in sends heartbeats, whatever Azure shows", () =>
    withLostHolder(async (world) => {
      world.powerStates.set(a.instanceUri, "deallocated");
      await world.beat("node-a");
      await world.clock.advance(1_000);
      await pass(world);
      assert.equal(world.record()?.fencing, undefined);
    }));
});

describe("a writer whose node name is another VM's", () => {
  const earlier = { ...a, vmId: "vm-of-an-earlier-node-a", instanceUri: `${a.instanceUri}-earlier` };

  for (const { powerState, vmId, isFenced } of [
    { powerState: "deallocated", vmId: earlier.vmId, isFenced: true },
    { powerState: "stopped", vmId: earlier.vmId.toUpperCase(), isFenced: true },
    { powerState: "running", vmId: earlier.vmId, isFenced: false },
    { powerState: "unknown", vmId: earlier.vmId, isFenced: false },
    { powerState: "deallocated", vmId: "another", isFenced: false },
  ] as const)
    it(`${isFenced ? "is fenced" : "keeps the volume"} while its VM is ${powerState} as ${vmId}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await world.given("AzVolume", aVolumeWithRecord({ writer: { ...aWriter("node-a"), ...earlier } }));
        world.instances.set(earlier.instanceUri, earlier.vmId);
        const inspectInstance = async () =>
          ok(anInstance("node-a", { vmId, instanceUri: earlier.instanceUri, powerState }));
        // Azure lists the disk there, so that nothing proves it off.
        world.attachedTo.add("node-a");
        await pass(world, { inspectInstance });
        assert.deepEqual(
          [world.record()?.fencing, world.record()?.writer?.requested],
          isFenced ? [earlier, false] : [undefined, true],
        );
      }));

  it("waits for the fence of another node, and reports none of its own until then", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      const fencing = identity("node-b");
      const writer = { ...aWriter("node-a"), ...earlier };
      await world.given("AzVolume", aVolumeWithRecord({ writer, fencing }));
      world.instances.set(earlier.instanceUri, earlier.vmId);
      world.powerStates.set(earlier.instanceUri, "deallocated");
      world.attachedTo.add("node-a");
      await pass(world);
      assert.deepEqual([world.record()?.fencing, world.emitted], [fencing, []]);
      await world.setRecord(({ fencing: _, ...record }) => record);
      await pass(world);
      const { fencing: own, writer: fenced } = world.record() ?? {};
      assert.deepEqual([own, fenced?.requested, world.emitted[0]?.reason], [earlier, false, "Fencing"]);
    }));

  it("is fenced once it is proven to be without the disk, though its name is reused", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ writer: { ...aWriter("node-a"), ...earlier } }));
      world.instances.set(earlier.instanceUri, earlier.vmId);
      await pass(world);
      assert.deepEqual(world.record()?.fencing, earlier);
    }));

  it("is fenced once it is proven without the disk, though another VM has its place", () =>
    withControllerPorts(async (world) => {
      const replaced = { ...a, vmId: earlier.vmId };
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzVolume", aVolumeWithRecord({ writer: { ...aWriter("node-a"), ...replaced } }));
      // Azure does not show the next VM yet.
      world.instances.set(a.instanceUri, earlier.vmId);
      await pass(world);
      assert.deepEqual(world.record()?.fencing, replaced);
    }));

  it("keeps the volume released by the other VM's token while its VM has the disk", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given("AzDriverNode", aDriverNode("node-b"));
      await world.given("AzVolume", aVolumeWithRecord({ writer: { ...aWriter("node-a"), ...earlier } }));
      await world.given("AzVolumeAttachment", anAttachment("node-b"));
      world.instances.set(earlier.instanceUri, earlier.vmId);
      world.attachedTo.add("node-a");
      const unrequested = { ...aWriter("node-a", { requested: false }), ...earlier };
      await world.setRecord((record) => ({ ...record, writer: { ...unrequested, held: false } }));
      await reconcile(world);
      assert.deepEqual(world.record()?.writer, unrequested);
      await pass(world);
      await reconcile(world);
      assert.deepEqual(world.record()?.writer, unrequested);
      world.attachedTo.clear();
      await pass(world);
      assert.deepEqual(world.record()?.fencing, earlier);
    }));

  it("stays unverified while Azure lists the disk, though another VM removes its entry", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      await world.given(
        "AzVolume",
        aVolumeWithRecord({ defaultAccess: "quarantined", unverified: [earlier] }),
      );
      const repeated = { ...earlier, nodeName: earlier.instanceUri };
      await reconcile(world);
      assert.deepEqual(listIn(world.record(), "unverified"), [repeated, earlier]);
      await world.setRecord((record) =>
        changedRecord(record, {
          unverified: listIn(record, "unverified").filter(({ nodeName }) => nodeName !== "node-a"),
        }),
      );
      await reconcile(world);
      await pass(world, { getDisk: async () => ok(aDisk({ attachedTo: [earlier.instanceUri] })) });
      assert.deepEqual(listIn(world.record(), "unverified"), [repeated]);
      await pass(world, { getDisk: async () => ok(aDisk({ attachedTo: [] })) });
      assert.deepEqual(listIn(world.record(), "unverified"), []);
    }));

  for (const { because, vmId, isRevoked } of [
    {
      because: "Azure shows its vmId at the resource id that its node has now",
      vmId: a.vmId,
      isRevoked: true,
    },
    {
      because: "Azure shows another vmId there than the node reports",
      vmId: "vm-of-another-node-a",
      isRevoked: false,
    },
  ])
    it(`${isRevoked ? "loses" : "keeps"} a grant that was released where ${because}`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-a"));
        const writer = {
          ...aWriter("node-a", { held: false, requested: false }),
          instanceUri: earlier.instanceUri,
        };
        await world.given("AzVolume", aVolumeWithRecord({ writer }));
        world.instances.set(a.instanceUri, vmId);
        if (!isRevoked) world.instances.set(earlier.instanceUri, a.vmId);
        world.attachedTo.add("node-a");
        await reconcile(world);
        assert.deepEqual(world.record()?.writer, writer);
        await pass(world);
        assert.deepEqual(world.record()?.writer, isRevoked ? undefined : writer);
      }));

  it("is asked about no further once its grant is revoked", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      const released = aWriter("node-a", { held: false, requested: false });
      await world.given(
        "AzVolume",
        aVolumeWithRecord({ writer: { ...released, instanceUri: earlier.instanceUri } }),
      );
      const asked: string[] = [];
      const inspectInstance: CloudProvisioner["inspectInstance"] = async ({ instanceUri }) => {
        asked.push(instanceUri);
        return ok(anInstance("node-a"));
      };
      const proveGone: CloudProvisioner["proveGone"] = async ({ node }) => {
        asked.push(node.instanceUri);
        return ok(undefined);
      };
      await pass(world, { inspectInstance, proveGone });
      assert.deepEqual([asked, world.record()?.writer], [[a.instanceUri], undefined]);
    }));

  it("is fenced while its VM is off, though a token with its vmId released its grant", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      const unrequested = {
        ...aWriter("node-a", { requested: false }),
        instanceUri: earlier.instanceUri,
      };
      await world.given("AzVolume", aVolumeWithRecord({ writer: { ...unrequested, held: false } }));
      world.instances.set(earlier.instanceUri, a.vmId);
      world.attachedTo.add("node-a");
      const inspectInstance: CloudProvisioner["inspectInstance"] = async ({ instanceUri }) =>
        instanceUri === earlier.instanceUri
          ? ok(anInstance("node-a", { instanceUri, powerState: "deallocated" }))
          : ok(anInstance("node-a", { vmId: "vm-of-the-token" }));
      await pass(world, { inspectInstance });
      assert.deepEqual(
        [world.record()?.fencing, world.record()?.writer, world.emitted.map(({ reason }) => reason)],
        [{ ...a, instanceUri: earlier.instanceUri }, unrequested, ["Fencing"]],
      );
      await reconcile(world);
      await pass(world, { inspectInstance });
      assert.equal(world.emitted.length, 1);
    }));

  it("is fenced while its VM is off, though the other VM's token releases its grant", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      const unrequested = { ...aWriter("node-a", { requested: false }), ...earlier };
      await world.given("AzVolume", aVolumeWithRecord({ writer: { ...unrequested, held: false } }));
      world.instances.set(earlier.instanceUri, earlier.vmId);
      world.attachedTo.add("node-a");
      const inspectInstance = async () => ok(anInstance("node-a", { ...earlier, powerState: "deallocated" }));
      await pass(world, { inspectInstance });
      assert.deepEqual([world.record()?.fencing, world.record()?.writer], [earlier, unrequested]);
    }));

  for (const { because, held, requested } of [
    { because: "granted the volume", held: true, requested: true },
    { because: "granted the volume, and released it,", held: false, requested: false },
  ])
    it(`is not fenced where it was ${because} again while Azure was asked`, () =>
      withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-a"));
        const { instanceUri: formerly } = earlier;
        const released = aWriter("node-a", { held: false, requested: false, instanceUri: formerly });
        await world.given("AzVolume", aVolumeWithRecord({ writer: released }));
        world.instances.set(formerly, a.vmId);
        world.attachedTo.add("node-a");
        const again = aWriter("node-a", {
          epoch: released.epoch + 1,
          held,
          requested,
          instanceUri: formerly,
        });
        // The VM has moved, which Azure does not show yet: it is read as it was before, off.
        const inspectInstance: CloudProvisioner["inspectInstance"] = async ({ instanceUri }) => {
          if (instanceUri !== formerly) return ok(anInstance("node-a", { vmId: "vm-that-was-there" }));
          await world.setRecord((record) => ({ ...record, writer: again, epoch: again.epoch }));
          return ok(anInstance("node-a", { instanceUri, powerState: "deallocated" }));
        };
        await pass(world, { inspectInstance });
        const { writer, fencing } = world.record() ?? {};
        assert.deepEqual([writer, fencing, world.emitted], [again, undefined, []]);
      }));

  it("is not fenced where Azure has no VM at the resource id that its node has now", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      const { instanceUri } = earlier;
      const released = aWriter("node-a", { held: false, requested: false, instanceUri });
      await world.given("AzVolume", aVolumeWithRecord({ writer: released }));
      world.instances.set(instanceUri, a.vmId);
      world.powerStates.set(instanceUri, "deallocated");
      world.attachedTo.add("node-a");
      await pass(world);
      assert.deepEqual([world.record()?.writer, world.record()?.fencing], [released, undefined]);
      world.instances.set(a.instanceUri, a.vmId);
      await pass(world);
      assert.equal(world.record()?.writer, undefined);
    }));

  for (const { because, again } of [
    { because: "was granted", again: aWriter("node-a", { epoch: 2 }) },
    { because: "requested", again: aWriter("node-a") },
  ])
    it(`keeps the volume that it ${because} again since its VM was proven to be gone`, () =>
      withControllerPorts(async (world) => {
        // The VM has moved. This leader was paused, and another one has seen where it is.
        await world.given("AzDriverNode", aDriverNode("node-a"));
        const released = aWriter("node-a", { held: false, requested: false });
        const { instanceUri } = earlier;
        await world.given("AzVolume", aVolumeWithRecord({ writer: { ...released, instanceUri } }));
        const attached = anAttachment("node-a", { status: { lun: 3 } });
        await world.given("AzVolumeAttachment", attached);
        const proveGone: CloudProvisioner["proveGone"] = async () => {
          await world.setRecord((record) => ({ ...record, writer: again, epoch: again.epoch }));
          return ok({ kind: "instanceGone", detail: "there is no such VM" });
        };
        await pass(world, { proveGone });
        const { writer, fencing } = world.record() ?? {};
        assert.deepEqual([writer, fencing], [again, undefined]);
        assert.deepEqual(world.attachment("node-a")?.status, attached.status);
      }));

  it("keeps the volume that it was granted again since it was proven to exist", () =>
    withControllerPorts(async (world) => {
      await world.given("AzDriverNode", aDriverNode("node-a"));
      const released = aWriter("node-a", { held: false, requested: false });
      const { instanceUri } = earlier;
      await world.given("AzVolume", aVolumeWithRecord({ writer: { ...released, instanceUri } }));
      const again = aWriter("node-a", { epoch: 2, held: false });
      const proveGone: CloudProvisioner["proveGone"] = async () => {
        await world.setRecord((record) => ({ ...record, writer: again, epoch: again.epoch }));
        return ok(undefined);
      };
      await pass(world, { proveGone });
      const { writer, fencing } = world.record() ?? {};
      assert.deepEqual([writer, fencing], [again, undefined]);
    }));

  describe("where a token with its vmId released its grant", () => {
    const released = {
      ...aWriter("node-a", { held: false, requested: false }),
      instanceUri: earlier.instanceUri,
    };
    const holder = { ...a, instanceUri: earlier.instanceUri };

    async function withLie(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
      await withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-a"));
        await world.given("AzVolume", aVolumeWithRecord({ writer: released }));
        world.instances.set(a.instanceUri, "vm-of-the-token");
        world.instances.set(earlier.instanceUri, a.vmId);
        world.attachedTo.add("node-a");
        await act(world);
      });
    }

    it("keeps the volume while its VM runs with the disk", () =>
      withLie(async (world) => {
        await reconcile(world);
        await pass(world);
        assert.deepEqual([world.record()?.writer, world.record()?.fencing], [released, undefined]);
      }));

    it("is fenced, which proves it again, once Azure has no VM of its own any more", () =>
      withLie(async (world) => {
        world.instances.delete(earlier.instanceUri);
        world.attachedTo.clear();
        await pass(world);
        assert.deepEqual(world.record()?.fencing, holder);
      }));

    it("is fenced once Azure does not list the disk on its VM", () =>
      withLie(async (world) => {
        world.attachedTo.clear();
        await pass(world);
        assert.deepEqual(world.record()?.fencing, holder);
      }));

    it("is fenced then, though that token reports its resource id, too", () =>
      withControllerPorts(async (world) => {
        await world.given("AzDriverNode", aDriverNode("node-a", { instanceUri: earlier.instanceUri }));
        await world.given("AzVolume", aVolumeWithRecord({ writer: released }));
        world.instances.set(a.instanceUri, "vm-of-the-token");
        world.instances.set(earlier.instanceUri, a.vmId);
        await pass(world);
        assert.deepEqual(world.record()?.fencing, holder);
      }));

    it("is fenced once its node is marked out of service", () =>
      withLie(async (world) => {
        world.outOfService.add("node-a");
        await pass(world);
        assert.deepEqual(
          [world.record()?.fencing, world.record()?.writer],
          [holder, { ...released, held: true }],
        );
      }));

    describe("and whose Node was deleted then", () => {
      const distrusted = { ...released, held: true };

      async function withoutNode(act: (world: ReconcileWorld) => Promise<void>): Promise<void> {
        await withControllerPorts(async (world) => {
          await world.given("AzVolume", aVolumeWithRecord({ writer: released }));
          world.gone.add("node-a");
          world.nodeNames.delete(a.instanceUri);
          world.instances.set(earlier.instanceUri, a.vmId);
          world.attachedTo.add("node-a");
          await reconcile(world);
          await act(world);
        });
      }

      it("keeps the volume while its VM runs with the disk", () =>
        withoutNode(async (world) => {
          await pass(world);
          await reconcile(world);
          assert.deepEqual([world.record()?.writer, world.record()?.fencing], [distrusted, undefined]);
        }));

      it("is fenced once its VM is off", () =>
        withoutNode(async (world) => {
          await pass(world, {
            inspectInstance: async () => ok(anInstance("node-a", { ...holder, powerState: "stopped" })),
          });
          assert.deepEqual(world.record()?.fencing, holder);
        }));

      it("is fenced once Azure does not list the disk on its VM", () =>
        withoutNode(async (world) => {
          world.attachedTo.clear();
          await pass(world);
          assert.deepEqual(world.record()?.fencing, holder);
        }));

      it("is fenced then, though an AzDriverNode that is left over names that VM", () =>
        withoutNode(async (world) => {
          await world.given("AzDriverNode", aDriverNode("node-a", { instanceUri: earlier.instanceUri }));
          world.attachedTo.clear();
          await pass(world);
          assert.deepEqual(world.record()?.fencing, holder);
        }));

      it("is fenced, which proves it again, once Azure has no such VM", () =>
        withoutNode(async (world) => {
          world.instances.delete(earlier.instanceUri);
          await pass(world);
          assert.deepEqual(world.record()?.fencing, holder);
        }));
    });
  });
});

describe("several VMs that keep a volume from its next writer", () => {
  it("are each asked about, though Azure does not show the first one", () =>
    withControllerPorts(async (world) => {
      const earlier = { ...a, vmId: "earlier", instanceUri: `${a.instanceUri}-earlier` };
      for (const nodeName of ["node-a", "node-b"]) await world.given("AzDriverNode", aDriverNode(nodeName));
      const writer = aWriter("node-b", { requested: false });
      await world.given("AzVolume", aVolumeWithRecord({ writer, unverified: [earlier] }));
      await world.given("AzVolumeAttachment", anAttachment("node-b", { status: { lun: 3 } }));
      world.instances.set(a.instanceUri, a.vmId);
      await world.clock.advance(60_000);
      await reconcile(world);
      const unread = { kind: "CloudUnavailable", code: "Unread", message: "", requestId: "" } as const;
      const asked: string[] = [];
      const proveGone: CloudProvisioner["proveGone"] = ({ node }, signal) => {
        asked.push(node.vmId);
        return node.vmId === "earlier"
          ? Promise.resolve(fail(unread))
          : world.ports.cloud.proveGone({ diskUri, node }, signal);
      };
      assert.deepEqual(await pass(world, { proveGone }), fail(unread));
      const writerVm = identity("node-b");
      assert.deepEqual([asked, world.record()?.fencing], [["earlier", writerVm.vmId], writerVm]);
    }));
});

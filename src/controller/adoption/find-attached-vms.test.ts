import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isForeign } from "../../core/api/identity/node-identity.ts";
import { fail, ok } from "../../core/failure/result.ts";
import { diskUri, identity, instanceUriOf } from "../../core/testing/objects.ts";
import type { CloudProvisioner } from "../../ports/cloud/cloud-provisioner.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDisk } from "../testing/a-disk.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { anInstance } from "../testing/an-instance.ts";
import { findAttachedVms } from "./find-attached-vms.ts";

const never = new AbortController().signal;
const vmUri = (resourceGroup: string, name: string): string =>
  `/subscriptions/sub-1/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/virtualMachines/${name}`;

function attachedVmsOf(
  world: ReconcileWorld,
  attachedTo: readonly string[],
  overrides: Partial<CloudProvisioner> = {},
): ReturnType<typeof findAttachedVms> {
  return findAttachedVms(
    { ...world.ports, cloud: { ...world.ports.cloud, ...overrides } },
    aDisk({ attachedTo }),
    "primaryAttach",
    never,
  );
}

describe("findAttachedVms", () => {
  it("names every VM that has the disk, those of other resource groups by their URIs", () =>
    withControllerPorts(async (world) => {
      world.instances.set(instanceUriOf("node-a"), "vm-of-node-a");
      const foreign = vmUri("rg-2", "vm-x");
      const namesake = vmUri("rg-2", "node-a");
      const attachedVms = await attachedVmsOf(world, [foreign, namesake, instanceUriOf("node-a")]);
      assert.deepEqual(attachedVms, {
        ok: true,
        value: [
          {
            node: { nodeName: foreign, vmId: foreign, instanceUri: foreign },
            lun: undefined,
            beingDetached: false,
          },
          {
            node: { nodeName: namesake, vmId: namesake, instanceUri: namesake },
            lun: undefined,
            beingDetached: false,
          },
          { node: identity("node-a"), lun: undefined, beingDetached: false },
        ],
      });
      assert.ok(attachedVms.ok);
      assert.deepEqual(
        attachedVms.value.map(({ node }) => isForeign(node)),
        [true, true, false],
      );
    }));

  it("names a VM that is not found by its resource id alone", () =>
    withControllerPorts(async (world) => {
      const instanceUri = instanceUriOf("node-a");
      const node = { nodeName: instanceUri, vmId: instanceUri, instanceUri };
      assert.deepEqual(await attachedVmsOf(world, [instanceUri]), {
        ok: true,
        value: [{ node, lun: undefined, beingDetached: false }],
      });
    }));

  it("identifies a node whose Node is gone by its AzDriverNode, in any case", () =>
    withControllerPorts(async (world) => {
      world.nodeNames.clear();
      world.instances.set(instanceUriOf("node-a").toUpperCase(), "vm-of-node-a");
      await world.given("AzDriverNode", aDriverNode("node-a"));
      const node = { ...identity("node-a"), instanceUri: instanceUriOf("node-a").toUpperCase() };
      assert.deepEqual(await attachedVmsOf(world, [node.instanceUri]), {
        ok: true,
        value: [{ node, lun: undefined, beingDetached: false }],
      });
    }));

  it("gives a VM no uid of a Node that was created again while the VM was read", () =>
    withControllerPorts(async (world) => {
      world.nodeUids.set("node-a", "uid-1");
      const attachedVms = await attachedVmsOf(world, [instanceUriOf("node-a")], {
        inspectInstance: async () => {
          world.nodeUids.set("node-a", "uid-2");
          return ok(anInstance("node-a", { vmId: "vm-of-node-a" }));
        },
      });
      assert.deepEqual(attachedVms, {
        ok: true,
        value: [{ node: { ...identity("node-a"), nodeUid: "uid-1" }, lun: undefined, beingDetached: false }],
      });
    }));

  it("fails where Azure can't read one of the VMs", () =>
    withControllerPorts(async (world) => {
      const failure = { kind: "CloudUnavailable", code: "503", message: "", requestId: "r" } as const;
      assert.deepEqual(
        await attachedVmsOf(world, [instanceUriOf("node-a")], { inspectInstance: async () => fail(failure) }),
        fail(failure),
      );
    }));

  for (const beingDetached of [false, true]) {
    it(`reports where the disk sits, in any case of its URI${beingDetached ? ", and its detach" : ""}`, () =>
      withControllerPorts(async (world) => {
        world.instances.set(instanceUriOf("node-a"), "vm-of-node-a");
        const { inspectInstance } = world.ports.cloud;
        const attachedVms = await attachedVmsOf(world, [instanceUriOf("node-a")], {
          inspectInstance: async (request, signal) => {
            const instance = await inspectInstance(request, signal);
            return instance.ok
              ? {
                  ok: true,
                  value: {
                    ...instance.value,
                    dataDisks: [{ diskUri: diskUri.toUpperCase(), lun: 4, beingDetached }],
                  },
                }
              : instance;
          },
        });
        assert.deepEqual(attachedVms, {
          ok: true,
          value: [{ node: identity("node-a"), lun: 4, beingDetached: beingDetached }],
        });
      }));
  }
});

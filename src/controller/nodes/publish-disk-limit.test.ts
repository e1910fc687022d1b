import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzDriverNode } from "../../core/api/az-driver-node.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { diskLimitReconciler } from "./publish-disk-limit.ts";

const never = new AbortController().signal;
const size = { vmSize: "Standard_D8s_v7", location: "eastus" };
const asked: { readonly vmSize: string; readonly location: string }[] = [];

/** Reconciles node-a as registered, with what Azure lists; returns the limit in its object afterwards. */
async function published(
  world: ReconcileWorld,
  driverNode: AzDriverNode | undefined,
  listed: number | undefined,
): Promise<number | undefined> {
  asked.length = 0;
  if (driverNode !== undefined) await world.given("AzDriverNode", driverNode);
  const cloud = {
    ...world.ports.cloud,
    dataDisksMax: async (vm: typeof size) => {
      asked.push(vm);
      return listed;
    },
  };
  const done = await world.answerOf(
    diskLimitReconciler({ ...world.ports, cloud }).reconcile("node-a", never),
  );
  assert.deepEqual(done, { ok: true, value: {} });
  const read = await world.answerOf(world.store.get("AzDriverNode", "node-a", never));
  return read.ok ? read.value.spec.dataDisksMax : undefined;
}

describe("diskLimitReconciler", () => {
  it("gives a node the number of disks that Azure lists, which the node can't ask for", () =>
    withControllerPorts(async (world) => {
      assert.equal(await published(world, aDriverNode("node-a", size), 26), 26);
      assert.deepEqual(asked, [size]);
    }));

  it("follows a VM that was resized", () =>
    withControllerPorts(async (world) => {
      const known = aDriverNode("node-a", size);
      assert.equal(await published(world, { ...known, spec: { ...known.spec, dataDisksMax: 26 } }, 12), 12);
    }));

  it("keeps what is known where Azure can't be asked, or no longer lists the size", () =>
    withControllerPorts(async (world) => {
      const known = aDriverNode("node-a", size);
      assert.equal(
        await published(world, { ...known, spec: { ...known.spec, dataDisksMax: 26 } }, undefined),
        26,
      );
    }));

  it("asks nothing for a node that does not know its size, or is gone", () =>
    withControllerPorts(async (world) => {
      assert.equal(await published(world, undefined, 26), undefined);
      assert.equal(await published(world, aDriverNode("node-a"), 26), undefined);
      assert.deepEqual(asked, []);
    }));
});

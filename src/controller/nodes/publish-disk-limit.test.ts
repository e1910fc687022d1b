import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AzDriverNode } from "../../core/api/az-driver-node.ts";
import { type ReconcileWorld, withControllerPorts } from "../testing/a-controller.ts";
import { aDriverNode } from "../testing/a-driver-node.ts";
import { diskLimitReconciler } from "./publish-disk-limit.ts";

const never = new AbortController().signal;
const size = { vmSize: "Standard_D8s_v7", location: "eastus" };
const asked: { readonly vmSize: string; readonly location: string }[] = [];

/** What the object of a node says that Azure lists. */
type Limit = Pick<AzDriverNode["spec"], "vmSize" | "dataDisksMax">;

/** Reconciles node-a as registered, with what Azure lists; returns the limit in its object afterwards. */
async function published(
  world: ReconcileWorld,
  driverNode: AzDriverNode | undefined,
  listed: number | undefined,
): Promise<Limit | undefined> {
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
  if (!read.ok) return undefined;
  const { nodeName: _, ...limit } = read.value.spec;
  return limit;
}

/** node-a with a limit that was published before. */
function knownAs(limit: Limit): AzDriverNode {
  const known = aDriverNode("node-a", size);
  return { ...known, spec: { ...known.spec, ...limit } };
}

describe("diskLimitReconciler", () => {
  it("gives a node the number of disks that Azure lists, which the node can't ask for", () =>
    withControllerPorts(async (world) => {
      assert.deepEqual(await published(world, aDriverNode("node-a", size), 26), {
        vmSize: size.vmSize,
        dataDisksMax: 26,
      });
      assert.deepEqual(asked, [size]);
    }));

  it("follows a VM that was resized, also to a size of as many disks", () =>
    withControllerPorts(async (world) => {
      const earlier = knownAs({ vmSize: "Standard_D16s_v7", dataDisksMax: 26 });
      const { vmSize } = size;
      assert.deepEqual(await published(world, earlier, 26), { vmSize, dataDisksMax: 26 });
      assert.deepEqual(await published(world, undefined, 12), { vmSize, dataDisksMax: 12 });
    }));

  it("keeps what is known where Azure can't be asked, or no longer lists the size", () =>
    withControllerPorts(async (world) => {
      const limit = { vmSize: size.vmSize, dataDisksMax: 26 };
      assert.deepEqual(await published(world, knownAs(limit), undefined), limit);
    }));

  it("asks nothing for a node that does not know its size, or is gone", () =>
    withControllerPorts(async (world) => {
      assert.equal(await published(world, undefined, 26), undefined);
      assert.deepEqual(await published(world, aDriverNode("node-a"), 26), {});
      assert.deepEqual(asked, []);
    }));
});

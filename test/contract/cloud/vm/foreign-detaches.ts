import assert from "node:assert/strict";
import { describe } from "node:test";
import type { NodeIdentity } from "../../../../src/core/api/identity/node-identity.ts";
import type { Result } from "../../../../src/core/failure/result.ts";
import { valueOf } from "../../../../src/core/testing/value-of.ts";
import { putVm } from "../../../../src/emulator/model/world.ts";
import {
  type CloudUnderTest,
  addDisk,
  addVm,
  disksOn,
  failureOf,
  mayAlways,
  never,
  vmAt,
  vmWrites,
} from "../../worlds/cloud-bench.ts";
import { type On, attach, fencing, flushing, mayNever, proving } from "../cloud-suite.ts";

/** Detaches of other clients. */
export function foreignDetachesContract(on: On): void {
  describe("foreign detaches", () => {
    /** A disk in use on node-a that has a stuck foreign detach, beside others that are attached there. */
    const leftBehind = async (
      cloud: CloudUnderTest,
      ...beside: readonly string[]
    ): Promise<{ readonly node: NodeIdentity; readonly inUse: string }> => {
      const node = addVm(cloud, "node-a");
      const inUse = await addDisk(cloud, "in-use");
      for (const disk of [inUse, ...beside]) await attach(cloud, disk, node);
      cloud.model.faults.add({
        operation: cloud.vms.operation("*"),
        disk: inUse,
        times: 1,
        effect: { kind: "FailOperation", code: "DetachFailed" },
      });
      const body = { dataDisksToDetach: [{ diskId: inUse }] };
      cloud.model.handle({
        method: "POST",
        path: `${cloud.vms.uri("node-a")}/attachDetachDataDisks`,
        query: { "api-version": "2025-04-01" },
        body,
      });
      await cloud.until(() => vmAt(cloud, "node-a").dataDisks[0]?.phase === "DetachFailed");
      return { node, inUse };
    };
    const pending = (result: Result<unknown>): boolean => {
      const failure = failureOf(result);
      return failure.kind === "CloudUnavailable" && failure.code === "OthersDetachPending";
    };

    on("are not completed by attach, detach, proof or write barrier on a disk in use", async (cloud) => {
      const { provisioner } = cloud;
      const other = await addDisk(cloud, "other");
      const { node, inUse } = await leftBehind(cloud);
      const asked: (readonly string[])[] = [];
      const mayCompleteDetach = (leaving: readonly string[]): Promise<boolean> => {
        asked.push(leaving);
        return Promise.resolve(false);
      };
      const before = vmWrites(cloud).length;
      const wish = { diskUri: other, node, precondition: mayAlways, mayCompleteDetach };
      assert.ok(
        pending(
          await cloud.run(
            provisioner.attachDisk({ ...wish, cachingMode: "None", lane: "primaryAttach" }, never),
          ),
        ),
      );
      assert.ok(pending(await cloud.run(proving(provisioner, wish))));
      assert.ok(pending(await cloud.run(flushing(provisioner, wish))));
      // A disk that is already off needs no update.
      valueOf(await cloud.run(provisioner.detachDisk({ ...wish, lane: "prune" }, never)));
      assert.deepEqual(
        [vmWrites(cloud).length - before, disksOn(cloud, "node-a"), asked],
        [0, ["in-use@0"], [[inUse], [inUse], [inUse]]],
      );
    });

    on("are completed by an update that may do so, and by a fence", async (cloud) => {
      const { provisioner } = cloud;
      const other = await addDisk(cloud, "other");
      const { node } = await leftBehind(cloud);
      const wish = { diskUri: other, node, precondition: mayAlways };
      valueOf(
        await cloud.run(
          provisioner.attachDisk(
            { ...wish, cachingMode: "None", lane: "primaryAttach", mayCompleteDetach: mayAlways },
            never,
          ),
        ),
      );
      assert.deepEqual(
        disksOn(cloud, "node-a").map((disk) => disk.split("@")[0]),
        ["other"],
      );
      assert.equal(valueOf(await cloud.run(fencing(provisioner, wish)))?.kind, "entryGone");
    });

    on("are checked when a detach of the same disk was refused in the batch", async (cloud) => {
      const { provisioner } = cloud;
      const other = await addDisk(cloud, "other");
      const { node, inUse } = await leftBehind(cloud);
      const before = vmWrites(cloud).length;
      const wish = { node, mayCompleteDetach: mayNever };
      const [detached, attached] = await cloud.run(
        Promise.all([
          provisioner.detachDisk({ ...wish, diskUri: inUse, lane: "detach", precondition: mayNever }, never),
          provisioner.attachDisk(
            {
              ...wish,
              diskUri: other,
              cachingMode: "None",
              lane: "primaryAttach",
              precondition: mayAlways,
            },
            never,
          ),
        ]),
      );
      assert.equal(failureOf(detached).kind, "Refused");
      assert.ok(pending(attached));
      assert.deepEqual([vmWrites(cloud).length - before, disksOn(cloud, "node-a")], [0, ["in-use@0"]]);
    });

    on("are reported to a fence before it detaches them", async (cloud) => {
      const other = await addDisk(cloud, "other");
      const { node, inUse } = await leftBehind(cloud);
      const before = vmWrites(cloud).length;
      const told: unknown[] = [];
      const mayCompleteDetach = (leaving: readonly string[]): Promise<boolean> => {
        told.push(leaving, vmWrites(cloud).length - before);
        return Promise.resolve(true);
      };
      const fenced = cloud.provisioner.barrier(
        { mode: "fence", diskUri: other, node, precondition: mayAlways, mayCompleteDetach },
        never,
      );
      assert.equal(valueOf(await cloud.run(fenced))?.kind, "entryGone");
      assert.deepEqual([told, disksOn(cloud, "node-a")], [[[inUse], 0], []]);
    });

    on("hold a fence on a guest that hangs until they may be forced, too", async (cloud) => {
      const other = await addDisk(cloud, "other");
      const { node, inUse } = await leftBehind(cloud, other);
      putVm(cloud.model.world, { ...vmAt(cloud, "node-a"), guestResponsive: false });
      let asked = 0;
      let mayForce = false;
      const fenced = cloud.provisioner.barrier(
        {
          mode: "fence",
          diskUri: other,
          node,
          precondition: mayAlways,
          forcedDetaches: (leaving) => {
            asked++;
            return Promise.resolve(mayForce ? leaving : []);
          },
        },
        never,
      );
      const before = vmWrites(cloud).length;
      await cloud.until(() => asked === 3);
      assert.deepEqual(
        [vmWrites(cloud).length - before, disksOn(cloud, "node-a").map((disk) => disk.split("@")[0])],
        [1, ["in-use", "other"]],
      );
      mayForce = true;
      assert.equal(valueOf(await cloud.run(fenced))?.kind, "entryGone");
      assert.deepEqual([vmWrites(cloud).length - before, disksOn(cloud, "node-a")], [2, []]);
      const { attachedTo } = valueOf(await cloud.run(cloud.provisioner.getDisk({ diskUri: inUse }, never)));
      assert.deepEqual(attachedTo, []);
    });

    on("do not block a detach of the same disk", async (cloud) => {
      const { node, inUse } = await leftBehind(cloud);
      const mayCompleteDetach = mayNever;
      valueOf(
        await cloud.run(
          cloud.provisioner.detachDisk(
            { diskUri: inUse, node, lane: "detach", precondition: mayAlways, mayCompleteDetach },
            never,
          ),
        ),
      );
      assert.deepEqual(disksOn(cloud, "node-a"), []);
    });
  });
}

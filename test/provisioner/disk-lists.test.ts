import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { confirmDiskGone } from "../../src/controller/adoption/confirm-disk-gone.ts";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { aDiskRequest, diskUri, failureOf, never } from "../contract/worlds/cloud-bench.ts";
import { anAzure } from "./an-azure.ts";

describe("lists of a resource group's disks", () => {
  it("answer a thousand volumes that ask at once whether their disks are gone", async () => {
    const { clock, model, cloud, run } = anAzure();
    valueOf(await run(cloud.createDisk(aDiskRequest({ diskName: "pvc-7" }), never)));
    const startedMs = clock.elapsedMs();
    const gone = await run(
      Promise.all(
        Array.from({ length: 1_000 }, (_, index) => {
          const uri = diskUri(`pvc-${index}`);
          return confirmDiskGone(
            cloud,
            { diskUri: uri, failure: { kind: "DiskNotFound", diskUri: uri } },
            never,
          );
        }),
      ),
    );
    const lists = model.journal
      .since(0)
      .filter(({ operation }) => operation === "Disks_ListByResourceGroup").length;
    assert.deepEqual([gone.filter(({ ok }) => !ok).length, lists], [1, 1]);
    assert.ok(clock.elapsedMs() - startedMs < 10_000, `after ${clock.elapsedMs() - startedMs} ms`);
  });

  it("answer no caller that came after they were sent", async () => {
    const { model, cloud, run } = anAzure();
    const names = (disks: Awaited<ReturnType<typeof cloud.listDisks>>): number => valueOf(disks).length;
    const sent = cloud.listDisks({ resourceGroup: undefined }, never);
    await run(cloud.createDisk(aDiskRequest({ diskName: "pvc-7" }), never));
    const [before, after] = await run(
      Promise.all([sent, cloud.listDisks({ resourceGroup: undefined }, never)]),
    );
    assert.deepEqual([names(before), names(after)], [0, 1]);
    assert.equal(model.world.disks.size, 1);
  });

  it("end for a caller that gives up, and for no other", async () => {
    const { cloud, run } = anAzure();
    const caller = new AbortController();
    const left = cloud.listDisks({ resourceGroup: undefined }, caller.signal);
    const other = cloud.listDisks({ resourceGroup: undefined }, never);
    caller.abort();
    const [cancelled, listed] = await run(Promise.all([left, other]));
    assert.deepEqual([failureOf(cancelled).kind, valueOf(listed)], ["Cancelled", []]);
  });
});

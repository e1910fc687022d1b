import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { aDiskRequest, never } from "../contract/worlds/cloud-bench.ts";
import { anAzure } from "./an-azure.ts";

describe("the first attach of a shared disk", () => {
  it("holds no other VM's attach of it up while it hangs", async () => {
    const { clock, model, cloud, run, addNode, attach } = anAzure();
    const request = aDiskRequest({ maxShares: 3, sizeGiB: 1024 });
    const { diskUri } = valueOf(await run(cloud.createDisk(request, never)));
    model.faults.add({ operation: "VirtualMachines_Update", times: 1, effect: { kind: "StuckOperation" } });
    const hanging = attach(diskUri, addNode("vm-a"));
    await clock.advance(1000);
    const startedMs = clock.elapsedMs();
    assert.deepEqual(valueOf(await run(attach(diskUri, addNode("vm-b")))), { lun: 0 });
    assert.ok(clock.elapsedMs() - startedMs < 60_000, `after ${clock.elapsedMs() - startedMs} ms`);
    await run(hanging);
  });
});

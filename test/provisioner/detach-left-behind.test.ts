import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { valueOf } from "../../src/core/testing/value-of.ts";
import { aDiskRequest, mayAlways, never } from "../contract/worlds/cloud-bench.ts";
import { anAzure } from "./an-azure.ts";

describe("a detach that was left behind", () => {
  it("is forced once the driver's own detach of that disk hangs", async () => {
    // The mark was seen on a VM at rest. The driver's detach, begun after that, still counts as its own:
    // otherwise the disk would stay on the node forever.
    const { clock, model, cloud, run, addNode, attach } = anAzure();
    const node = addNode("vm-a");
    const { diskUri } = valueOf(await run(cloud.createDisk(aDiskRequest(), never)));
    valueOf(await run(attach(diskUri, node)));
    const phase = (): string | undefined =>
      model.world.virtualMachines.values().next().value?.dataDisks[0]?.phase;
    model.faults.add({
      operation: "VirtualMachines_*",
      disk: diskUri,
      times: 1,
      effect: { kind: "FailOperation", code: "DetachFailed" },
    });
    const body = { dataDisksToDetach: [{ diskId: diskUri }] };
    model.handle({
      method: "POST",
      path: `${node.instanceUri}/attachDetachDataDisks`,
      query: { "api-version": "2025-04-01" },
      body,
    });
    await clock.advance(600_000);
    model.advanceTo(clock.nowMs());
    assert.equal(phase(), "DetachFailed");

    model.faults.add({ operation: "VirtualMachines_Update", times: 1, effect: { kind: "StuckOperation" } });
    valueOf(await run(cloud.detachDisk({ diskUri, node, lane: "detach", precondition: mayAlways }, never)));
    assert.equal(phase(), undefined, "the disk is off");
  });
});

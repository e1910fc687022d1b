import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../src/adapters/virtual/virtual-clock.ts";
import type { ArmMethod } from "../../src/emulator/model/api/arm-message.ts";
import { createAgenda } from "../agenda.ts";
import { createTrace } from "../create-trace.ts";
import { OUTSIDER } from "../history/vm-changes.ts";
import { createAzureRegion } from "./create-azure-region.ts";
import { azurePlace, diskUriOf } from "./vm-names.ts";

const CLUSTER = "first";
const path = diskUriOf("vol-1");
/** Until Azure has made or deleted a disk, in milliseconds. */
const DONE_MS = 60_000;
const query = { "api-version": "2024-03-02" };
const body = {
  location: azurePlace.location,
  sku: { name: "Premium_LRS" },
  properties: { creationData: { createOption: "Empty" }, diskSizeGB: 4 },
};

describe("a disk that a person makes under the name of a cluster's", () => {
  it("is no cluster's from its creation until it is gone", async () => {
    const clock = createVirtualClock();
    const region = createAzureRegion({
      clock,
      random: (name) => createSeededRandom(name),
      trace: createTrace(clock),
      agenda: createAgenda(clock),
      timeScale: 1,
    });
    /** The sequence number of the call, which has ended. */
    const call = async (method: ArmMethod, caller: string): Promise<number> => {
      const request = { method, path, caller, query, ...(method === "PUT" ? { body } : {}) };
      const { status, sequence } = region.handle(request, CLUSTER);
      assert.ok(status < 300, `${method} is answered ${status}`);
      await clock.advance(DONE_MS);
      return sequence;
    };
    const calls = [
      await call("PUT", "controller-1"),
      await call("DELETE", OUTSIDER),
      await call("PUT", OUTSIDER),
      await call("DELETE", OUTSIDER),
      // What a controller repeats whose answer was lost: it is about no disk.
      await call("DELETE", "controller-1"),
    ];
    assert.deepEqual(
      calls.map((sequence) => region.isOthers(path, CLUSTER, sequence)),
      [false, false, true, true, false],
    );
    assert.equal(region.isOthers(path, CLUSTER), false);
  });
});

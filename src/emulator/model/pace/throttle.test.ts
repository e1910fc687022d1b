import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { listAt, textAt } from "../api/json.ts";
import { aModel } from "../testing/model-fixture.ts";
import { type Buckets, throttle, type ThrottledCall } from "./throttle.ts";

function aPoll(nth: number, mode: ThrottledCall["mode"] = "report"): ThrottledCall {
  const path = `/subscriptions/s/providers/Microsoft.Compute/locations/eastus/operations/${nth}`;
  const plenty = { burst: 1_000_000, perMinute: 1 };
  const shared = {
    GetOperationSubscriptionMaximum: plenty,
    "subscription-reads": plenty,
    "subscription-global-reads": plenty,
  };
  const limits = { ...shared, GetOperationResource: { burst: 1, perMinute: 1 } };
  return {
    operation: "Operations_Get",
    isPoll: true,
    method: "GET",
    path,
    nowMs: 0,
    timeScale: 1,
    mode,
    limits,
    groups: {},
  };
}

describe("throttle", () => {
  it("keeps no bucket for ever: each polled operation has its own", () => {
    const buckets: Buckets = new Map();
    for (let nth = 0; nth < 30_000; nth++) throttle(buckets, aPoll(nth));
    assert.equal(buckets.size, 20_000);
  });

  it("drops the least recently used bucket, and continues to count by the others", () => {
    const buckets: Buckets = new Map();
    throttle(buckets, aPoll(0));
    for (let nth = 1; nth < 50_000; nth++) throttle(buckets, aPoll(nth % 2 === 0 ? 0 : nth));
    const refused = [0, 1, 49_999].map(
      (nth) => throttle(buckets, aPoll(nth, "enforce")).refused !== undefined,
    );
    assert.deepEqual(refused, [true, false, true]);
  });

  it("has buckets of each scale-set instance for reads, updates and removals", () => {
    const azure = aModel({
      virtualMachines: [],
      settings: {
        throttling: "enforce",
        throttleLimits: {
          GetVMScaleSetVMResource: { burst: 2, perMinute: 1 },
          VMScaleSetVMActionsResource: { burst: 1, perMinute: 1 },
          DeleteVMScaleSetVMResource: { burst: 1, perMinute: 1 },
        },
      },
    });
    const pool = "virtualMachineScaleSets/pool";
    azure.finish("PUT", pool, { location: "eastus", sku: { name: "Standard_D8s_v5", capacity: 2 } });
    const [first, second] = [`${pool}/virtualMachines/0`, `${pool}/virtualMachines/1`];
    /** What is left of the resource's bucket, or the bucket that is empty. */
    const left = (method: "GET" | "PUT" | "POST", path: string): string | undefined => {
      const answer = azure.send(method, path, method === "PUT" ? {} : undefined);
      const [detail] = listAt(answer.body, "error", "details") ?? [];
      const remaining = answer.headers["x-ms-ratelimit-remaining-resource"]
        ?.split(",")
        .find((part) => /Resource;/.test(part));
      return answer.status === 429 ? textAt(detail, "target") : remaining?.replace("Microsoft.Compute/", "");
    };
    assert.deepEqual(
      [left("GET", first), left("GET", `${first}/instanceView`), left("GET", first), left("GET", second)],
      [
        "GetVMScaleSetVMResource;1",
        "GetVMScaleSetVMResource;0",
        "GetVMScaleSetVMResource",
        "GetVMScaleSetVMResource;1",
      ],
    );
    assert.deepEqual(
      [left("PUT", first), left("PUT", first), left("POST", `${first}/restart`), left("PUT", second)],
      [
        "VMScaleSetVMActionsResource;0",
        "VMScaleSetVMActionsResource",
        "VMScaleSetVMActionsResource",
        "VMScaleSetVMActionsResource;0",
      ],
    );
    const off = [left("POST", `${first}/deallocate`), left("POST", `${first}/powerOff`)];
    assert.deepEqual(off, ["DeleteVMScaleSetVMResource;0", "DeleteVMScaleSetVMResource"]);
  });

  it("lets an instance be updated again once its bucket has refilled", () => {
    const azure = aModel({
      virtualMachines: [],
      settings: {
        throttling: "enforce",
        throttleLimits: { VMScaleSetVMActionsResource: { burst: 1, perMinute: 4 } },
      },
    });
    const pool = "virtualMachineScaleSets/pool";
    azure.finish("PUT", pool, { location: "eastus", sku: { name: "Standard_D8s_v5", capacity: 1 } });
    const update = (): readonly [number, string | undefined] => {
      const answer = azure.send("PUT", `${pool}/virtualMachines/0`, {});
      return [answer.status, answer.headers["retry-after"]];
    };
    assert.deepEqual(
      [update(), update()],
      [
        [200, undefined],
        [429, "15"],
      ],
    );
    azure.advance(15_000);
    assert.equal(update()[0], 200);
  });
});

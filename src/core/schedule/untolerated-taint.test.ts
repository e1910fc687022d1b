import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Taint, Toleration } from "./pod-rules.ts";
import { untoleratedTaint } from "./untolerated-taint.ts";

const gpu: Taint = { key: "dedicated", value: "gpu", effect: "NoSchedule" };

function toleration(overrides: Partial<Toleration>): Toleration {
  return { key: "", operator: "", value: "", effect: "", ...overrides };
}

describe("untoleratedTaint", () => {
  it("reads a toleration as Kubernetes does", () => {
    const rows: readonly {
      readonly taint: Taint;
      readonly tolerated: Toleration;
      readonly holds: boolean;
      readonly because: string;
    }[] = [
      {
        taint: gpu,
        tolerated: toleration({ key: "dedicated", operator: "Equal", value: "gpu", effect: "NoSchedule" }),
        holds: true,
        because: "the same",
      },
      {
        taint: gpu,
        tolerated: toleration({ key: "dedicated", value: "gpu" }),
        holds: true,
        because: "no operator is Equal, no effect is every effect",
      },
      {
        taint: gpu,
        tolerated: toleration({ key: "dedicated", value: "db" }),
        holds: false,
        because: "another value",
      },
      {
        taint: gpu,
        tolerated: toleration({ key: "team", operator: "Exists" }),
        holds: false,
        because: "another key",
      },
      {
        taint: gpu,
        tolerated: toleration({ key: "dedicated", operator: "Exists" }),
        holds: true,
        because: "any value",
      },
      { taint: gpu, tolerated: toleration({ operator: "Exists" }), holds: true, because: "any key" },
      {
        taint: gpu,
        tolerated: toleration({ operator: "Exists", effect: "NoExecute" }),
        holds: false,
        because: "another effect",
      },
      {
        taint: { ...gpu, effect: "NoExecute" },
        tolerated: toleration({ key: "dedicated", operator: "Exists", effect: "NoExecute" }),
        holds: true,
        because: "NoExecute",
      },
      {
        taint: { ...gpu, value: "3" },
        tolerated: toleration({ key: "dedicated", operator: "Lt", value: "4" }),
        holds: true,
        because: "3 is less than 4",
      },
      {
        taint: { ...gpu, value: "4" },
        tolerated: toleration({ key: "dedicated", operator: "Lt", value: "4" }),
        holds: false,
        because: "4 is not",
      },
      {
        taint: { ...gpu, value: "10" },
        tolerated: toleration({ key: "dedicated", operator: "Gt", value: "9" }),
        holds: true,
        because: "10 is more than 9",
      },
      {
        taint: gpu,
        tolerated: toleration({ key: "dedicated", operator: "Gt", value: "9" }),
        holds: false,
        because: "a word is no number",
      },
      {
        taint: gpu,
        tolerated: toleration({ key: "dedicated", operator: "Like", value: "g*" }),
        holds: false,
        because: "an unknown operator",
      },
    ];
    for (const { taint, tolerated, holds, because } of rows)
      assert.deepEqual(untoleratedTaint([taint], [tolerated]), holds ? undefined : taint, because);
  });

  it("needs every taint tolerated, except those that only prefer", () => {
    const prefers: Taint = { key: "busy", value: "", effect: "PreferNoSchedule" };
    const notReady: Taint = { key: "node.kubernetes.io/not-ready", value: "", effect: "NoExecute" };
    const tolerations = [toleration({ key: "dedicated", operator: "Exists" })];
    assert.equal(untoleratedTaint([], []), undefined);
    assert.equal(untoleratedTaint([prefers], []), undefined);
    assert.deepEqual(untoleratedTaint([prefers, gpu, notReady], tolerations), notReady);
    assert.equal(
      untoleratedTaint(
        [gpu, notReady],
        [...tolerations, toleration({ key: notReady.key, operator: "Exists", effect: "NoExecute" })],
      ),
      undefined,
    );
  });
});

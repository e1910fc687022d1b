import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { matchesLabels } from "./matches-labels.ts";
import type { Requirement } from "./pod-rules.ts";

describe("matchesLabels", () => {
  it("reads each operator as Kubernetes does, on a present label and a missing one", () => {
    const labels = { disk: "ssd", cores: "8", empty: "", toString: "own" };
    const rows: readonly [Requirement, boolean, string][] = [
      [{ key: "disk", operator: "In", values: ["hdd", "ssd"] }, true, "one of the values"],
      [{ key: "disk", operator: "In", values: ["hdd"] }, false, "none of the values"],
      [{ key: "gpu", operator: "In", values: [""] }, false, "a missing label is not the empty one"],
      [{ key: "empty", operator: "In", values: [""] }, true, "an empty label is one"],
      [{ key: "disk", operator: "NotIn", values: ["hdd"] }, true, "none of the values"],
      [{ key: "disk", operator: "NotIn", values: ["ssd"] }, false, "one of the values"],
      [{ key: "gpu", operator: "NotIn", values: ["a100"] }, true, "a missing label is in no list"],
      [{ key: "empty", operator: "Exists", values: [] }, true, "an empty label exists"],
      [{ key: "gpu", operator: "Exists", values: [] }, false, "it does not"],
      [{ key: "constructor", operator: "Exists", values: [] }, false, "what every object has is no label"],
      [{ key: "toString", operator: "Exists", values: [] }, true, "a label by such a name is one"],
      [{ key: "gpu", operator: "DoesNotExist", values: [] }, true, "it does not"],
      [{ key: "disk", operator: "DoesNotExist", values: [] }, false, "it does"],
      [{ key: "cores", operator: "Gt", values: ["7"] }, true, "8 is more than 7"],
      [{ key: "cores", operator: "Gt", values: ["8"] }, false, "8 is not more than 8"],
      [{ key: "cores", operator: "Gt", values: ["10"] }, false, "numbers, not texts: 8 is not more than 10"],
      [{ key: "cores", operator: "Lt", values: ["10"] }, true, "8 is less than 10"],
      [{ key: "cores", operator: "Lt", values: ["8"] }, false, "8 is not less than 8"],
      [{ key: "gpu", operator: "Lt", values: ["8"] }, false, "a missing label is no number"],
      [{ key: "disk", operator: "Gt", values: ["1"] }, false, "a word is no number"],
      [{ key: "cores", operator: "Gt", values: ["1.5"] }, false, "nor is a fraction an integer"],
      [{ key: "cores", operator: "Gt", values: [] }, false, "nothing to compare with"],
      [{ key: "disk", operator: "Like", values: ["s*"] }, false, "an unknown operator is not met"],
    ];
    for (const [requirement, expected, because] of rows)
      assert.equal(matchesLabels(labels, [requirement]), expected, because);
  });

  it("asks for all requirements, and accepts anything where there is none", () => {
    const isSsd: Requirement = { key: "disk", operator: "In", values: ["ssd"] };
    const hasGpu: Requirement = { key: "gpu", operator: "Exists", values: [] };
    assert.equal(matchesLabels({ disk: "ssd" }, []), true);
    assert.equal(matchesLabels({ disk: "ssd" }, [isSsd, hasGpu]), false);
    assert.equal(matchesLabels({ disk: "ssd", gpu: "a100" }, [isSsd, hasGpu]), true);
  });
});

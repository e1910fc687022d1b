import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isOff, type PowerState } from "./power-state.ts";

describe("isOff", () => {
  const rows: Readonly<Record<PowerState, boolean>> = {
    stopped: true,
    deallocated: true,
    // It wakes with its mounts, and its pods write again.
    hibernated: false,
    changing: false,
    running: false,
    unknown: false,
  };
  for (const [powerState, expected] of Object.entries(rows))
    it(`says of a VM that is ${powerState} that it is ${expected ? "off" : "not off"}`, () =>
      assert.equal(isOff(powerState as PowerState), expected));
});

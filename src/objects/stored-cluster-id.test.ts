import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withControllerPorts } from "../controller/testing/a-controller.ts";
import { storedClusterId } from "./stored-cluster-id.ts";

const never = new AbortController().signal;

describe("storedClusterId", () => {
  it("is made once and stays the same for every process", () =>
    withControllerPorts(async (world) => {
      const asked = [world.store, world.other].map((store) =>
        storedClusterId({ ...world.ports, store }, never),
      );
      const ids = await world.answerOf(Promise.all(asked));
      assert.ok(ids.every((id) => id.ok && id.value !== ""));
      assert.deepEqual(ids[0], ids[1]);
      assert.deepEqual(await world.answerOf(storedClusterId(world.ports, never)), ids[0]);
    }));
});

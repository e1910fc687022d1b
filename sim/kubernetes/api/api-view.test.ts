import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSeededRandom } from "../../../src/adapters/virtual/seeded-random.ts";
import { createVirtualClock } from "../../../src/adapters/virtual/virtual-clock.ts";
import type { ApiChange } from "./api-objects.ts";
import { createApiServer } from "./api-server.ts";
import { createApiView } from "./api-view.ts";
import { createTaskGroup } from "./task-group.ts";

const DELAY_MS = [10, 20] as const;
const LATER_MS = 100;

function aView(how: { readonly followsRestores?: boolean } = {}) {
  const clock = createVirtualClock();
  const api = createApiServer();
  const tasks = createTaskGroup(new AbortController().signal, (error) => {
    throw error;
  });
  const view = createApiView({
    api,
    clock,
    random: createSeededRandom(1),
    tasks,
    delayMs: () => DELAY_MS,
    untilReachable: () => Promise.resolve(),
    kinds: ["StatefulSet"],
    ...how,
  });
  const told: string[] = [];
  const pods = (object: ApiChange["current"]): string =>
    object !== undefined && "pods" in object ? String(object.pods) : "none";
  view.onChange(({ name, previous, current }) => told.push(`${name}: ${pods(previous)} to ${pods(current)}`));
  return { clock, api, told };
}

describe("createApiView", () => {
  it("receives changes in quick succession as one", async () => {
    const { clock, api, told } = aView();
    await clock.advance(LATER_MS);
    api.put("StatefulSet", { name: "a", pods: 1, members: 1 });
    api.change("StatefulSet", "a", { pods: 0 });
    await clock.advance(LATER_MS);
    api.change("StatefulSet", "a", { pods: 1, members: 1 });
    await clock.advance(LATER_MS);
    assert.deepEqual(told, ["a: none to 0", "a: 0 to 1"]);
  });

  it("receives the deletion of what came and went between two of its messages", async () => {
    const { clock, api, told } = aView();
    await clock.advance(LATER_MS);
    api.put("StatefulSet", { name: "a", pods: 1, members: 1 });
    api.remove("StatefulSet", "a");
    await clock.advance(LATER_MS);
    assert.deepEqual(told, ["a: 1 to none"]);
  });

  for (const followsRestores of [true, false]) {
    it(`receives a restored backup, and what follows it: ${followsRestores}`, async () => {
      const { clock, api, told } = aView({ followsRestores });
      api.put("StatefulSet", { name: "a", pods: 1, members: 1 });
      api.put("StatefulSet", { name: "b", pods: 1, members: 1 });
      const backup = api.snapshot();
      api.remove("StatefulSet", "a");
      api.change("StatefulSet", "b", { pods: 0 });
      api.put("StatefulSet", { name: "c", pods: 1, members: 1 });
      await clock.advance(LATER_MS);
      told.length = 0;
      api.restore(backup);
      await clock.advance(LATER_MS);
      api.change("StatefulSet", "b", { pods: 0 });
      await clock.advance(LATER_MS);
      const all = ["c: 1 to none", "a: none to 1", "b: 0 to 1", "b: 1 to 0"];
      assert.deepEqual(told, followsRestores ? all : []);
      assert.deepEqual(
        api.list("StatefulSet").map(({ name }) => name),
        ["b", "a"],
      );
    });
  }

  it("receives no change that changes nothing", async () => {
    const { clock, api, told } = aView();
    api.put("StatefulSet", { name: "a", pods: 1, members: 1 });
    await clock.advance(LATER_MS);
    assert.deepEqual(
      [
        api.change("StatefulSet", "a", { pods: 1, members: 1 }),
        api.change("StatefulSet", "b", { pods: 1, members: 1 }),
      ],
      [true, false],
    );
    await clock.advance(LATER_MS);
    assert.deepEqual(told, ["a: none to 1"]);
  });
});

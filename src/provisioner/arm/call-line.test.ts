import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Lane } from "../../core/azure/lane.ts";
import { CallLine } from "./call-line.ts";

const never = new AbortController().signal;

/** A line whose turn is taken, and the order in which calls get theirs. */
function aTakenLine() {
  const line = new CallLine();
  const order: string[] = [];
  const { promise, resolve: release } = Promise.withResolvers<void>();
  const holder = line.run("replicaAttach", () => promise, never);
  const enter = (name: string, lane: Lane, signal = never): Promise<void> =>
    line.run(lane, () => Promise.resolve(void order.push(name)), signal);
  return { line, order, enter, release, holder };
}

describe("CallLine", () => {
  it("lets the more urgent call go first, and of one lane the one that came first", async () => {
    const { line, order, enter, release, holder } = aTakenLine();
    const calls = [enter("detach 1", "detach"), enter("detach 2", "detach"), enter("fence", "failover")];
    assert.deepEqual([line.ahead("failover"), line.ahead("detach"), line.ahead("tag")], [2, 4, 4]);
    release();
    await Promise.all([holder, ...calls]);
    assert.deepEqual(order, ["fence", "detach 1", "detach 2"]);
    assert.equal(line.ahead("tag"), 0);
  });

  it("lets a call give up, and a call that fails keeps no turn", async () => {
    const { line, order, enter, release, holder } = aTakenLine();
    const impatient = new AbortController();
    const givenUp = enter("given up", "failover", impatient.signal);
    const failing = line.run("detach", () => Promise.reject(new Error("lost")), never);
    const last = enter("last", "detach");
    impatient.abort(new Error("deadline"));
    await assert.rejects(givenUp, { message: "deadline" });
    release();
    await assert.rejects(failing, { message: "lost" });
    await Promise.all([holder, last]);
    assert.deepEqual(order, ["last"]);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail } from "../core/failure/result.ts";
import { type PreemptionArgs, readPreemptionArgs, writePreemptionResult } from "./preemption-wire.ts";

const pod = { metadata: { name: "web-0" } };
const byUid = { Pods: [{ UID: "uid-1" }, { UID: "uid-2" }], NumPDBViolations: 1 };
const inFull = {
  Pods: [{ metadata: { uid: "uid-1" }, spec: {} }, { metadata: { uid: "uid-2" } }],
  NumPDBViolations: 1,
};

function read(args: unknown): PreemptionArgs {
  const read_ = readPreemptionArgs(JSON.stringify(args));
  assert.ok(read_.ok);
  return read_.value;
}

describe("a preemption request", () => {
  it("is read with victims by uid or in full, as Go writes and reads them", () => {
    const args = { pod, victims: new Map([["node-a", byUid]]) };
    for (const written of [
      { Pod: pod, NodeNameToVictims: null, NodeNameToMetaVictims: { "node-a": byUid } },
      { Pod: pod, NodeNameToVictims: { "node-a": inFull }, NodeNameToMetaVictims: null },
      { pod, nodeNameToMetaVictims: { "node-a": byUid } },
    ])
      assert.deepEqual(read(written), args);
    assert.deepEqual(
      read({ Pod: pod, NodeNameToVictims: { "node-a": { Pods: null } } }).victims,
      new Map([["node-a", { Pods: [], NumPDBViolations: 0 }]]),
    );
  });

  it("is refused where it is anything else", () => {
    const noUids = fail("NodeNameToVictims has victims that are no pods with uids");
    for (const [body, problem] of [
      ["[]", fail("the body is not an object")],
      [{ Pod: pod }, fail("there are neither NodeNameToMetaVictims nor NodeNameToVictims")],
      [{ Pod: pod, NodeNameToVictims: { "node-a": null } }, noUids],
      [{ Pod: pod, NodeNameToVictims: { "node-a": { Pods: "x" } } }, noUids],
      [{ Pod: pod, NodeNameToVictims: { "node-a": { Pods: [null] } } }, noUids],
      [{ Pod: pod, NodeNameToVictims: { "node-a": { Pods: [{ metadata: {} }] } } }, noUids],
    ] as const)
      assert.deepEqual(readPreemptionArgs(typeof body === "string" ? body : JSON.stringify(body)), problem);
  });

  it("is answered without the nodes that were removed, the others as they were", () => {
    const args = read({ Pod: pod, NodeNameToMetaVictims: { "node-a": byUid, "node-b": byUid } });
    const answered = (...removed: readonly string[]): unknown =>
      JSON.parse(writePreemptionResult(args, new Set(removed)));
    assert.deepEqual(answered("node-b"), { NodeNameToMetaVictims: { "node-a": byUid } });
    assert.deepEqual(answered("node-a", "node-b"), { NodeNameToMetaVictims: {} });
  });
});

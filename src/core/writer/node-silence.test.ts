import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ObservedNode } from "../attachment/observed-volume.ts";
import { aNode, anObservedVolume } from "../testing/objects.ts";
import { isSilent, isSilentAlone, kubeletOf } from "./node-silence.ts";

/** A node that may send its heartbeats 50 s later. */
const aLaterNode = (name: string, heartbeatUnchangedMs: number): ObservedNode =>
  aNode(name, { heartbeatUnchangedMs, heartbeatDelayMs: 50_000 });

describe("isSilent", () => {
  for (const { node, expected } of [
    { node: aNode("node-a", { heartbeatUnchangedMs: 34_999 }), expected: false },
    { node: aNode("node-a", { heartbeatUnchangedMs: 35_000 }), expected: true },
    { node: aLaterNode("node-a", 84_999), expected: false },
    { node: aLaterNode("node-a", 85_000), expected: true },
  ])
    it(`is ${expected} after ${node.heartbeatUnchangedMs} ms, delayed by ${node.heartbeatDelayMs ?? 0} ms`, () =>
      assert.equal(isSilent(anObservedVolume({ nodes: [node] }), node), expected));
});

describe("isSilentAlone", () => {
  for (const { because, other, expected } of [
    { because: "another node's heartbeat came lately", other: aLaterNode("node-b", 34_999), expected: true },
    {
      because: "none came lately, though no other is silent",
      other: aLaterNode("node-b", 40_000),
      expected: false,
    },
  ])
    it(`is ${expected} for a silent node where ${because}`, () => {
      const silent = aLaterNode("node-a", 90_000);
      assert.equal(isSilentAlone(anObservedVolume({ nodes: [silent, other] }), silent), expected);
    });
});

describe("kubeletOf", () => {
  for (const { keys, expected } of [
    { keys: [], expected: "ready" },
    { keys: ["node.kubernetes.io/unschedulable"], expected: "ready" },
    { keys: ["node.kubernetes.io/not-ready"], expected: "notReady" },
    { keys: ["node.kubernetes.io/unreachable"], expected: "unreachable" },
    { keys: ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"], expected: "unreachable" },
  ])
    it(`is ${expected} by the taints ${keys.join(", ") || "none"}`, () =>
      assert.equal(kubeletOf({ taints: keys.map((key) => ({ key })) }), expected));
});

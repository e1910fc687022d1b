import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type AttachmentOfNode, type OrphanStep, planOrphan } from "./plan-orphan.ts";

const proven: AttachmentOfNode = {
  isNodeGone: true,
  isTerminating: false,
  isVmKnown: true,
  use: { kind: "unused" },
  areVmsGone: true,
  isNodeAbsent: true,
};
const unasked = { use: undefined, areVmsGone: undefined, isNodeAbsent: undefined } as const;

describe("planOrphan", () => {
  const rows: readonly {
    readonly because: string;
    readonly seen: Partial<AttachmentOfNode>;
    readonly step: OrphanStep;
  }[] = [
    { because: "Node, VM and users are gone", seen: {}, step: "Delete" },
    { because: "the Node exists", seen: { isNodeGone: false }, step: "Keep" },
    { because: "it is being deleted already", seen: { isTerminating: true }, step: "Keep" },
    { because: "no object says which VM the node was", seen: { isVmKnown: false }, step: "Keep" },
    { because: "nothing was asked yet: users first", seen: unasked, step: "AskUsers" },
    { because: "a pod there uses it", seen: { use: { kind: "used", users: ["db-0"] } }, step: "LookAgain" },
    { because: "its users are not known", seen: { use: { kind: "unknown" } }, step: "LookAgain" },
    {
      because: "a pod there uses it, whatever Azure would say",
      seen: { ...unasked, use: { kind: "used", users: ["db-0"] } },
      step: "LookAgain",
    },
    {
      because: "nothing uses it: Azure is asked",
      seen: { ...unasked, use: { kind: "unused" } },
      step: "AskAzure",
    },
    { because: "a VM of the node exists", seen: { areVmsGone: false }, step: "LookAgain" },
    {
      because: "the VM is gone: the Node is asked for",
      seen: { isNodeAbsent: undefined },
      step: "AskForNode",
    },
    {
      because: "the Node is back, or not known to be gone",
      seen: { isNodeAbsent: false },
      step: "LookAgain",
    },
  ];
  for (const { because, seen, step } of rows)
    it(`${step}: ${because}`, () => assert.equal(planOrphan({ ...proven, ...seen }), step));
});

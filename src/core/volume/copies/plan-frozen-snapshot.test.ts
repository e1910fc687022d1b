import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aRecord, aWriter, identity } from "../../testing/objects.ts";
import {
  type FrozenSnapshotAction,
  type ObservedFrozenSnapshot,
  planFrozenSnapshot,
} from "./plan-frozen-snapshot.ts";

const used = aRecord({ writer: aWriter("node-a") });
const unused = aRecord({ epoch: 4 });
const request = { id: "snap/1", seconds: 10 };
const answered = (state: "Frozen" | "Held" | "Lost" | "Refused", id = "snap/1") => ({ id, state });
const snapshot = { freezeId: "snap/1", isTaken: true, isKnownFrozen: false, hasFailed: false };
const unmounted = { ...snapshot, freezeId: "unmounted-in-epoch-4-of-incarnation-0" };

describe("planFrozenSnapshot", () => {
  const rows: readonly {
    readonly because: string;
    readonly observed: Partial<ObservedFrozenSnapshot>;
    readonly planned: FrozenSnapshotAction["kind"];
  }[] = [
    { because: "nothing was asked", observed: {}, planned: "Ask" },
    {
      because: "an earlier freeze has ended",
      observed: { request, answer: answered("Lost") },
      planned: "Ask",
    },
    {
      because: "an earlier freeze has held, and its snapshot does not say so yet",
      observed: { request: { ...request, id: "other/1" }, answer: answered("Held", "other/1"), isOwed: true },
      planned: "ConfirmEarlier",
    },
    { because: "the node is releasing it", observed: { obstacle: "it is recalled" }, planned: "Wait" },
    { because: "the node has not answered", observed: { request }, planned: "AwaitNode" },
    { because: "the node has frozen it", observed: { request, answer: answered("Frozen") }, planned: "Take" },
    { because: "the node can't", observed: { request, answer: answered("Refused") }, planned: "Withdraw" },
    {
      because: "it is being frozen for another snapshot",
      observed: { request: { ...request, id: "other/1" } },
      planned: "Wait",
    },
    {
      because: "the freeze was cancelled, and the node has not thawed yet",
      observed: { request: { ...request, isCancelled: true }, answer: answered("Frozen") },
      planned: "AwaitNode",
    },
    { because: "no node has it mounted", observed: { record: unused }, planned: "Take" },
    {
      because: "a node that was granted it may mount it at any time",
      observed: { record: aRecord({ writer: aWriter("node-a", { held: false }) }) },
      planned: "Wait",
    },
    {
      because: "a node may have it mounted since before the record",
      observed: { record: aRecord({ unverified: [identity("node-b")] }) },
      planned: "Wait",
    },
    { because: "there is no record", observed: { record: undefined }, planned: "Wait" },
    {
      because: "it is taken, and still frozen",
      observed: { snapshot, request, answer: answered("Frozen") },
      planned: "Thaw",
    },
    {
      because: "it is not taken yet, and still frozen",
      observed: { snapshot: { ...snapshot, isTaken: false }, request, answer: answered("Frozen") },
      planned: "Take",
    },
    {
      because: "the node is thawing",
      observed: { snapshot, request: { ...request, isTaken: true }, answer: answered("Frozen") },
      planned: "AwaitNode",
    },
    {
      because: "another client has removed the request, and the node is thawing",
      observed: { snapshot, answer: answered("Frozen") },
      planned: "AwaitNode",
    },
    {
      because: "an earlier freeze is over, and its request is left",
      observed: { request: { ...request, isTaken: true }, answer: answered("Held") },
      planned: "Ask",
    },
    { because: "the freeze held", observed: { snapshot, answer: answered("Held") }, planned: "Confirm" },
    {
      because: "the freeze ended before it was taken",
      observed: { snapshot: { ...snapshot, isTaken: false }, answer: answered("Held") },
      planned: "Discard",
    },
    { because: "the freeze was lost", observed: { snapshot, answer: answered("Lost") }, planned: "Discard" },
    {
      because: "the answer is of another freeze",
      observed: { snapshot, answer: answered("Held", "snap/2") },
      planned: "Discard",
    },
    { because: "the volume is gone", observed: { snapshot, record: undefined }, planned: "Discard" },
    { because: "it stayed unmounted", observed: { snapshot: unmounted, record: unused }, planned: "Confirm" },
    { because: "a node mounted it", observed: { snapshot: unmounted }, planned: "Discard" },
    {
      because: "a node mounted it and has released it again",
      observed: { snapshot: unmounted, record: aRecord({ epoch: 5 }) },
      planned: "Discard",
    },
    {
      because: "its record was rebuilt since, and may not know of a node that mounted it",
      observed: { snapshot: unmounted, record: aRecord({ epoch: 4, storeIncarnation: 1 }) },
      planned: "Discard",
    },
    {
      because: "it is known to be frozen, whatever came later",
      observed: { snapshot: { ...snapshot, isKnownFrozen: true }, record: undefined },
      planned: "Answer",
    },
    {
      because: "it was frozen, and its copy has failed since",
      observed: { snapshot: { ...snapshot, isKnownFrozen: true, hasFailed: true } },
      planned: "Take",
    },
    {
      because: "it is not taken yet, and no node has it mounted",
      observed: { snapshot: { ...unmounted, isTaken: false }, record: unused },
      planned: "Take",
    },
    {
      because: "its node refused a freeze for another snapshot",
      observed: { request: { ...request, id: "other/1" }, answer: answered("Refused", "other/1") },
      planned: "Ask",
    },
    {
      because: "another call has it as taken, and the node has not thawed yet",
      observed: { request: { ...request, isTaken: true }, answer: answered("Frozen") },
      planned: "AwaitNode",
    },
    {
      because: "the freeze was cancelled while the snapshot was taken",
      observed: { snapshot, request: { ...request, isCancelled: true }, answer: answered("Frozen") },
      planned: "AwaitNode",
    },
    {
      because: "its writer is being fenced, and may not thaw any more",
      observed: { record: aRecord({ writer: aWriter("node-a"), fencing: identity("node-a") }) },
      planned: "Wait",
    },
    {
      because: "a node that is being fenced may have it mounted",
      observed: { record: aRecord({ epoch: 4, fencing: identity("node-b") }) },
      planned: "Wait",
    },
    {
      because: "it was taken without a freeze",
      observed: { snapshot: { ...snapshot, freezeId: undefined } },
      planned: "Refuse",
    },
  ];
  const planOf = (observed: Partial<ObservedFrozenSnapshot>): FrozenSnapshotAction => {
    const nothing = {
      snapshot: undefined,
      record: used,
      request: undefined,
      answer: undefined,
      obstacle: undefined,
      isOwed: false,
    };
    return planFrozenSnapshot({ ...nothing, ownPrefix: "snap/", ...observed });
  };
  for (const { because, observed, planned } of rows)
    it(`plans ${planned}: ${because}`, () => assert.equal(planOf(observed).kind, planned));

  it("says why the node could not keep it frozen", () => {
    const detail = "its file system was thawed by another program";
    assert.deepEqual(planOf({ snapshot, answer: { ...answered("Lost"), detail } }), {
      kind: "Discard",
      why: detail,
    });
  });
});

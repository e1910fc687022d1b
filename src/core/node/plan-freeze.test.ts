import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { agoMs, anAttachment } from "../testing/objects.ts";
import { type FreezeAction, type ObservedFreeze, planFreeze, whyReleased } from "./plan-freeze.ts";

const nothing: ObservedFreeze = {
  request: undefined,
  answer: undefined,
  markedId: undefined,
  own: undefined,
  obstacle: undefined,
};
const request = { id: "f", seconds: 10 };
const taken = { ...request, isTaken: true } as const;
const frozen = { id: "f", state: "Frozen" } as const;
const lost: FreezeAction = { kind: "Answer", answer: { id: "f", state: "Lost" } };
const thaw = (ifHeld: "Held" | "Lost"): FreezeAction => ({ kind: "Thaw", id: "f", ifHeld });

describe("planFreeze", () => {
  const rows: readonly {
    readonly because: string;
    readonly observed: Partial<ObservedFreeze>;
    readonly planned: FreezeAction;
  }[] = [
    { because: "nothing is asked", observed: {}, planned: { kind: "None" } },
    {
      because: "a freeze is asked for",
      observed: { request },
      planned: { kind: "Freeze", id: "f", seconds: 10 },
    },
    {
      because: "another one was answered before",
      observed: { request, answer: { id: "e", state: "Held" } },
      planned: { kind: "Freeze", id: "f", seconds: 10 },
    },
    {
      because: "nothing can be frozen",
      observed: { request, obstacle: "it is raw" },
      planned: { kind: "Answer", answer: { id: "f", state: "Refused", detail: "it is raw" } },
    },
    {
      because: "the node is releasing the volume",
      observed: { request, markedId: "f", own: { leftMs: 9 }, answer: frozen, obstacle: "it is recalled" },
      planned: thaw("Lost"),
    },
    {
      because: "the controller had what it wanted before the release",
      observed: {
        request: taken,
        markedId: "f",
        own: { leftMs: 9 },
        answer: frozen,
        obstacle: "it is recalled",
      },
      planned: thaw("Held"),
    },
    {
      because: "a freeze lasts to its last millisecond",
      observed: { request, markedId: "f", own: { leftMs: 1 }, answer: frozen },
      planned: { kind: "WaitForEnd", forMs: 1 },
    },
    {
      because: "it is frozen and not answered",
      observed: { request, markedId: "f", own: { leftMs: 9 } },
      planned: { kind: "Answer", answer: frozen },
    },
    {
      because: "it is frozen and answered",
      observed: { request, markedId: "f", own: { leftMs: 9 }, answer: frozen },
      planned: { kind: "WaitForEnd", forMs: 9 },
    },
    {
      because: "the controller has what it wanted",
      observed: { request: taken, markedId: "f", own: { leftMs: 9 }, answer: frozen },
      planned: thaw("Held"),
    },
    {
      because: "a person or a backup has removed the request, and Azure may still read the disk",
      observed: { markedId: "f", own: { leftMs: 9 }, answer: frozen },
      planned: thaw("Lost"),
    },
    {
      because: "the snapshot was taken in vain",
      observed: {
        request: { ...taken, isCancelled: true },
        markedId: "f",
        own: { leftMs: 9 },
        answer: frozen,
      },
      planned: thaw("Lost"),
    },
    {
      because: "a backup has taken back the answer to a freeze that is over",
      observed: { request: taken },
      planned: lost,
    },
    {
      because: "the time is over: what comes later is not frozen",
      observed: { request, markedId: "f", own: { leftMs: 0 }, answer: frozen },
      planned: thaw("Lost"),
    },
    {
      because: "the snapshot does not count on it any more",
      observed: {
        request: { ...request, isCancelled: true },
        markedId: "f",
        own: { leftMs: 9 },
        answer: frozen,
      },
      planned: thaw("Lost"),
    },
    {
      because: "another snapshot has taken the place of the request",
      observed: { request: { ...request, id: "g" }, markedId: "f", own: { leftMs: 9 }, answer: frozen },
      planned: thaw("Lost"),
    },
    {
      because: "an earlier process froze it",
      observed: { request, markedId: "f", answer: frozen },
      planned: thaw("Lost"),
    },
    { because: "the mark of a freeze was lost", observed: { request, answer: frozen }, planned: lost },
    {
      because: "a request was cancelled before it was seen",
      observed: { request: { ...request, isCancelled: true } },
      planned: lost,
    },
    {
      because: "the request was answered to its end",
      observed: { request, answer: { id: "f", state: "Lost" } },
      planned: { kind: "None" },
    },
  ];
  for (const { because, observed, planned } of rows)
    it(`plans ${planned.kind}: ${because}`, () =>
      assert.deepEqual(planFreeze({ ...nothing, ...observed }), planned));
});

describe("whyReleased", () => {
  const recall = { id: "r", since: agoMs(0) };
  for (const [because, attachment, isReleased] of [
    ["the node uses the volume", anAttachment("node-a"), false],
    ["the volume is recalled", anAttachment("node-a", { spec: { recall } }), true],
    [
      "the attachment is deleted",
      anAttachment("node-a", { metadata: { deletionTimestamp: agoMs(0) } }),
      true,
    ],
    ["the request to write was withdrawn", anAttachment("node-a", { spec: { role: "Replica" } }), true],
  ] as const)
    it(`says ${isReleased ? "why" : "nothing"}: ${because}`, () =>
      assert.equal(whyReleased(attachment) !== undefined, isReleased));
});
